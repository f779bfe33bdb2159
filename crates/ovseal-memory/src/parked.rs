//! Secrets that are inaccessible between uses.

use std::fmt;
use std::ops::Deref;
use std::sync::Mutex;

use crate::lock::lock;
use crate::pages::Pages;
use crate::secret::Secret;
use crate::secret_bytes::SecretBytes;
use crate::sys::abort;

/// A [`Secret`] or [`SecretBytes`] whose pages are inaccessible while it is not exposed.
///
/// Use it for a secret that must outlive calls into foreign code, such as an identity while a
/// runtime loads a model. A stray read there crashes the process instead of finding the bytes. Any
/// number of threads may expose it at once.
///
/// ```
/// use ovseal_memory::{Parked, Secret};
///
/// let key = Parked::new(Secret::<32>::from_fn(|bytes| bytes.fill(7)));
/// assert_eq!(*key.expose(), [7; 32]);
/// assert_eq!(format!("{key:?}"), "Parked(..)");
/// ```
pub struct Parked<S: Parkable> {
    secret: S,
    exposed: Mutex<usize>,
}

/// The bytes of a parked secret, readable while this value lives.
pub struct Exposed<'s, S: Parkable>(&'s Parked<S>);

/// A secret that can be parked: [`Secret`] or [`SecretBytes`].
pub trait Parkable: Pages {
    /// The type of the exposed bytes.
    type Bytes: ?Sized;

    #[doc(hidden)]
    fn bytes(&self) -> &Self::Bytes;
}

impl<S: Parkable> Parked<S> {
    /// Makes the secret's pages inaccessible.
    pub fn new(secret: S) -> Self {
        secret.pages().park();
        Self { secret, exposed: Mutex::new(0) }
    }

    /// Makes the bytes readable until the result is dropped.
    ///
    /// Aborts a forked child of the process that made the secret, as [`Secret::expose`] does. Also
    /// aborts if the kernel does not make the pages accessible again.
    pub fn expose(&self) -> Exposed<'_, S> {
        // A forked child must not lock: the thread that held the lock may not exist there.
        if self.secret.pages().is_inherited() {
            abort();
        }
        let mut exposed = lock(&self.exposed);
        if *exposed == 0 && self.secret.pages().unpark().is_err() {
            abort();
        }
        *exposed += 1;
        Exposed(self)
    }
}

impl<S: Parkable> Drop for Parked<S> {
    fn drop(&mut self) {
        // The secret zeroizes its bytes next, so they must be accessible. A forked child has lost
        // them.
        if !self.secret.pages().is_inherited() && self.secret.pages().unpark().is_err() {
            abort();
        }
    }
}

impl<S: Parkable> Deref for Exposed<'_, S> {
    type Target = S::Bytes;

    fn deref(&self) -> &S::Bytes {
        self.0.secret.bytes()
    }
}

impl<S: Parkable> Drop for Exposed<'_, S> {
    fn drop(&mut self) {
        if self.0.secret.pages().is_inherited() {
            return;
        }
        let mut exposed = lock(&self.0.exposed);
        *exposed -= 1;
        if *exposed == 0 {
            self.0.secret.pages().park();
        }
    }
}

impl<S: Parkable> fmt::Debug for Parked<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Parked(..)")
    }
}

impl<S: Parkable> fmt::Debug for Exposed<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Exposed(..)")
    }
}

impl<const N: usize> Parkable for Secret<N> {
    type Bytes = [u8; N];

    fn bytes(&self) -> &[u8; N] {
        self.expose()
    }
}

impl Parkable for SecretBytes {
    type Bytes = [u8];

    fn bytes(&self) -> &[u8] {
        self.expose()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::support::{fork, smaps};

    fn permissions<S: Parkable>(parked: &Parked<S>) -> String {
        smaps::permissions(parked.secret.pages().address().as_ptr()).unwrap()
    }

    #[test]
    fn pages_are_inaccessible_unless_exposed() {
        let parked = Parked::new(Secret::<32>::from_fn(|bytes| bytes.fill(7)));
        assert!(permissions(&parked).starts_with("---"));
        let (first, second) = (parked.expose(), parked.expose());
        assert_eq!((*first, *second), ([7; 32], [7; 32]));
        drop(first);
        assert!(permissions(&parked).starts_with("rw-"), "the second one is left");
        drop(second);
        assert!(permissions(&parked).starts_with("---"));
        assert_eq!(*parked.expose(), [7; 32]);
    }

    #[test]
    fn a_parked_secret_cannot_be_read() {
        let parked = Parked::new(SecretBytes::from_slice(b"hunter2").unwrap());
        let address = parked.secret.pages().address().as_ptr();
        let (_reader, writer) = std::io::pipe().unwrap();
        // SAFETY: the kernel checks the address itself, and returns `EFAULT` if it cannot be read.
        let written = |address: *const u8| unsafe { libc::write(writer.as_raw_fd(), address.cast(), 7) };
        assert_eq!(written(address), -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EFAULT));
        assert_eq!(written(parked.expose().as_ptr()), 7);
        assert_eq!(&*parked.expose(), b"hunter2");
    }

    #[test]
    fn many_threads_expose_it_at_once() {
        let parked = Parked::new(Secret::<32>::from_fn(|bytes| bytes.fill(5)));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..200).for_each(|_| assert_eq!(*parked.expose(), [5; 32])));
            }
        });
        assert!(permissions(&parked).starts_with("---"));
    }

    #[test]
    fn a_forked_child_can_drop_it_and_is_aborted_by_exposing_it() {
        let make = || Parked::new(Secret::<32>::from_fn(|bytes| bytes.fill(5)));
        let (dropped, exposed) = (make(), make());
        assert_eq!(fork::exit_code(move || drop(dropped)), Some(0));
        assert_eq!(fork::exit_code(move || drop(exposed.expose())), None);
    }

    #[test]
    fn a_child_forked_during_a_use_does_not_wait_for_it() {
        let parked = Parked::new(Secret::<32>::from_fn(|bytes| bytes.fill(5)));
        // The child takes its copy out of the cell; this process keeps the other.
        let exposed = Cell::new(Some(parked.expose()));
        let guard = lock(&parked.exposed);
        assert_eq!(fork::exit_code(|| drop(exposed.take())), Some(0));
        assert_eq!(fork::exit_code(|| drop(parked.expose())), None);
        drop(guard);
    }

    #[test]
    fn debug_shows_no_byte() {
        let parked = Parked::new(Secret::<32>::from_fn(|bytes| bytes.fill(0xAB)));
        assert_eq!(format!("{parked:?} {:?}", parked.expose()), "Parked(..) Exposed(..)");
    }
}
