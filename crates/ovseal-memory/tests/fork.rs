//! A forked child inherits no secret from its parent, and does the parent no harm.

mod support;

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use ovseal_memory::{Protected, Secret, SecretBytes, protections};
use support::fork;

/// Returns what a child reads from key memory: an error from secret memory, otherwise zeros.
fn nothing(length: usize) -> Result<Vec<u8>, i32> {
    if protections().secret_memory { Err(libc::EFAULT) } else { Ok(vec![0; length]) }
}

#[test]
fn a_child_cannot_read_keys() {
    let secret = Secret::<4>::from_fn(|bytes| *bytes = *b"keys");
    let bytes = SecretBytes::from_slice(b"pass").unwrap();
    let object = Protected::new(*b"ring");
    for address in [secret.expose().as_ptr(), bytes.expose().as_ptr(), object.as_ptr()] {
        assert_eq!(fork::peek(address, 4), nothing(4));
    }
    assert_eq!((secret.expose(), bytes.expose(), *object), (b"keys", b"pass".as_slice(), *b"ring"));
}

#[test]
fn a_child_that_uses_a_key_is_aborted() {
    let secret = Secret::<4>::zeroed();
    let bytes = SecretBytes::from_slice(b"pass").unwrap();
    let object = Protected::new(1);
    assert_eq!(fork::signal(|| _ = black_box(secret.expose())), Some(libc::SIGABRT));
    assert_eq!(fork::signal(|| _ = black_box(bytes.expose())), Some(libc::SIGABRT));
    assert_eq!(fork::signal(|| _ = black_box(&*object)), Some(libc::SIGABRT));
}

#[test]
fn a_child_drops_keys_without_running_their_code() {
    static PARENT: AtomicU32 = AtomicU32::new(0);
    struct InParentOnly;
    impl Drop for InParentOnly {
        fn drop(&mut self) {
            if PARENT.load(Ordering::Relaxed) != std::process::id() {
                std::process::abort();
            }
        }
    }
    PARENT.store(std::process::id(), Ordering::Relaxed);
    let secret = Secret::<4>::zeroed();
    let bytes = SecretBytes::from_slice(b"pass").unwrap();
    let object = Protected::new(InParentOnly);
    assert_eq!(fork::exit_code(move || drop((secret, bytes, object))), Some(0));
}
