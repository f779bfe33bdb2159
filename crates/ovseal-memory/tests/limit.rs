//! Behaviour if little or no memory may be locked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/fillers.rs"]
mod fillers;
mod support;

use std::sync::{Mutex, PoisonError};

use fillers::{CHUNK, Pattern, assert_pattern};
use ovseal_memory::{Missing, ModelMemory, PagedMemory, Protected, Secret, SecretBytes, protections};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use support::smaps;

const KIB: u64 = 1 << 10;

/// Runs `test` with a limit for locked memory and without the privilege to exceed it.
///
/// The limit applies to the whole process. `test` receives the limit as an argument, because a host
/// may allow less than `bytes`.
fn with_limit(bytes: u64, test: impl FnOnce(u64)) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = getrlimit(Resource::Memlock);
    let granted = before.maximum.map_or(bytes, |most| most.min(bytes));
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::IPC_LOCK);
    set_capabilities(None, sets).unwrap();
    setrlimit(Resource::Memlock, Rlimit { current: Some(granted), ..before }).unwrap();
    test(granted);
    setrlimit(Resource::Memlock, before).unwrap();
}

#[test]
fn without_lockable_memory_keys_are_in_ordinary_undumped_memory() {
    with_limit(0, |_| {
        let secret = Secret::<4>::from_fn(|bytes| *bytes = *b"keys");
        let bytes = SecretBytes::from_slice(b"pass").unwrap();
        let object = Protected::new(*b"ring");
        assert!(!secret.is_locked() && !bytes.is_locked() && !object.is_locked());
        for address in [secret.expose().as_ptr(), bytes.expose().as_ptr(), object.as_ptr()] {
            smaps::assert_flags(address, &["dd", "wf"], false);
        }
    });
}

#[test]
fn without_lockable_memory_key_memory_is_missing() {
    with_limit(0, |_| {
        let protections = protections();
        assert!(!protections.secret_memory && !protections.locked_memory);
        assert_eq!(protections.locked_memory_limit, Some(0));
        assert!(protections.missing().contains(&Missing::KeyMemory));
    });
}

#[test]
fn keys_beyond_the_limit_are_created_and_reported_as_not_locked() {
    with_limit(64 * KIB, |granted| {
        let secrets: Vec<_> = (0..100).map(|_| Secret::<32>::from_fn(|bytes| bytes.fill(6))).collect();
        let locked = secrets.iter().filter(|secret| secret.is_locked()).count();
        assert_eq!(locked as u64, granted / rustix::param::page_size() as u64);
        assert!(secrets.iter().all(|secret| secret.expose() == &[6; 32]));
    });
}

#[test]
fn a_model_is_locked_only_if_room_for_keys_is_left() {
    with_limit(1024 * KIB, |granted| {
        let large = ModelMemory::zeroed(900 << 10).unwrap();
        let small = ModelMemory::zeroed(512 << 10).unwrap();
        let larger_than_the_limit = ModelMemory::zeroed(4 << 20).unwrap();
        let expected =
            [(&large, false), (&small, granted >= (512 + 256) * KIB), (&larger_than_the_limit, false)];
        for (memory, locked) in expected {
            assert_eq!(memory.is_locked(), locked, "{memory:?}");
            smaps::assert_flags(memory.as_ptr(), &[], locked);
        }
        // With a limit of zero, there is no room even for a key.
        assert_eq!(Secret::<32>::zeroed().is_locked(), granted >= rustix::param::page_size() as u64);
    });
}

#[test]
fn paged_memory_is_released_whether_or_not_it_is_locked() {
    with_limit(1024 * KIB, |granted| {
        for (chunks, locked) in [(4, granted >= (256 + 256) * KIB), (32, false)] {
            let memory = PagedMemory::start(Pattern::fast(chunks * CHUNK), 1).unwrap();
            assert_eq!(memory.is_locked(), locked);
            smaps::assert_flags(memory.as_ptr(), &[], locked);
            memory.wait().unwrap();
            assert!(memory.release());
            assert_eq!(memory.resident_bytes(), 0);
            assert_pattern(0, &memory);
        }
    });
}
