use std::alloc::Layout;
use std::convert::Infallible;
use std::fmt;

use crate::pages::{Kind, Pages, SMALLEST_PAGE, SecretPages};

/// `N` secret bytes, at most 4096, on their own page.
///
/// The page is secret memory if the kernel offers it, otherwise locked memory that is left out of
/// dumps. It is zeroized before it is unmapped. There is no `Clone` and no `Display`, and `Debug`
/// shows no byte.
///
/// Fill it in place with [`Secret::from_fn`]. An array passed by value may leave copies on the
/// stack.
///
/// ```
/// use ovseal_memory::Secret;
///
/// let key = Secret::<32>::from_fn(|bytes| bytes.fill(7));
/// assert_eq!(key.expose(), &[7; 32]);
/// assert_eq!(format!("{key:?}"), "Secret(..)");
/// ```
///
/// More than 4096 bytes do not compile:
///
/// ```compile_fail
/// let too_long = ovseal_memory::Secret::<4097>::zeroed();
/// ```
pub struct Secret<const N: usize> {
    pages: SecretPages,
}

impl<const N: usize> Secret<N> {
    /// Creates a secret of zeros.
    ///
    /// If not even one page can be mapped, ends the process as a failed allocation does.
    pub fn zeroed() -> Self {
        const { assert!(N <= SMALLEST_PAGE, "a secret has at most 4096 bytes") };
        Self { pages: SecretPages::for_layout(Layout::new::<[u8; N]>()) }
    }

    /// Creates a secret that `fill` writes in place. The bytes are initially zero.
    pub fn from_fn(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let filled = Self::try_from_fn(|bytes| {
            fill(bytes);
            Ok::<(), Infallible>(())
        });
        let Ok(secret) = filled;
        secret
    }

    /// Creates a secret that `fill` writes in place, or returns the error of `fill`.
    pub fn try_from_fn<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self::zeroed();
        fill(secret.expose_mut())?;
        Ok(secret)
    }

    /// Returns the bytes. Do not copy them to memory that is not zeroized.
    ///
    /// Aborts a forked child of the process that made the secret, because the child has no copy of
    /// the bytes.
    pub fn expose(&self) -> &[u8; N] {
        // SAFETY: the page has at least `N` initialized bytes and is borrowed with `self`.
        unsafe { self.pages.address().cast().as_ref() }
    }

    /// Returns the bytes, writable. Aborts a forked child, as [`Secret::expose`] does.
    pub fn expose_mut(&mut self) -> &mut [u8; N] {
        // SAFETY: the page has at least `N` initialized bytes and is borrowed exclusively with
        // `self`.
        unsafe { self.pages.address().cast().as_mut() }
    }

    /// Returns whether the bytes can never be swapped out: they are in secret or locked memory.
    pub fn is_locked(&self) -> bool {
        self.pages.kind() != Kind::Unlocked
    }
}

impl<const N: usize> Pages for Secret<N> {
    fn pages(&self) -> &SecretPages {
        &self.pages
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_zero() {
        assert_eq!(Secret::<4096>::zeroed().expose(), &[0; 4096]);
    }

    #[test]
    fn a_secret_keeps_what_was_written() {
        let mut secret = Secret::<3>::from_fn(|bytes| *bytes = [1, 2, 3]);
        secret.expose_mut()[1] = 9;
        assert_eq!(secret.expose(), &[1, 9, 3]);
    }

    #[test]
    fn the_error_of_the_filler_is_passed_on() {
        let failed = Secret::<32>::try_from_fn(|_| Err("no entropy"));
        assert_eq!(failed.err(), Some("no entropy"));
    }

    #[test]
    fn debug_shows_no_byte() {
        let secret = Secret::<32>::from_fn(|bytes| bytes.fill(0xAB));
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(..) Secret(..)");
    }

    #[test]
    fn secrets_are_used_from_other_threads() {
        let secret = Secret::<32>::from_fn(|bytes| bytes.fill(5));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(secret.expose(), &[5; 32]));
            }
        });
        std::thread::spawn(move || drop(secret)).join().unwrap();
    }
}
