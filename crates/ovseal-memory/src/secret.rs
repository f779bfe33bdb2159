use std::alloc::Layout;
use std::convert::Infallible;
use std::fmt;

use crate::pages::{Kind, SecretPages};
use crate::parked::sealed::Pages;

/// Holds `N` secret bytes, at most 4096, on a page of their own.
///
/// The page is secret memory where the kernel has it, otherwise locked memory that is left out of dumps. It is zeroized
/// before it is unmapped. There is no `Clone` and no `Display`, and `Debug` shows no byte.
///
/// Fill it in place with [`Secret::from_fn`]: an array that is moved into a function may leave copies on the stack.
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
    /// Makes a secret of zeros. Ends the process, as an allocation does, when not even one page can be mapped.
    pub fn zeroed() -> Self {
        const { assert!(N <= MAXIMUM, "a secret has at most 4096 bytes") };
        Self { pages: SecretPages::for_layout(Layout::new::<[u8; N]>()) }
    }

    /// Makes a secret and lets `fill` write it where it stays; the bytes are zero before.
    pub fn from_fn(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let filled = Self::try_from_fn(|bytes| {
            fill(bytes);
            Ok::<(), Infallible>(())
        });
        let Ok(secret) = filled;
        secret
    }

    /// Makes a secret and lets `fill` write it where it stays, or passes on the error of `fill`.
    pub fn try_from_fn<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self::zeroed();
        fill(secret.expose_mut())?;
        Ok(secret)
    }

    /// The bytes. Do not copy them to where nothing zeroizes them.
    ///
    /// Ends a forked child of the process that made the secret: the bytes did not come along.
    pub fn expose(&self) -> &[u8; N] {
        // SAFETY: the page has at least `N` initialized bytes, and is borrowed as long as `self`.
        unsafe { self.pages.address().cast().as_ref() }
    }

    /// The bytes, to be changed in place. Ends a forked child, as [`Secret::expose`] does.
    pub fn expose_mut(&mut self) -> &mut [u8; N] {
        // SAFETY: the page has at least `N` initialized bytes, and is borrowed by this reference alone.
        unsafe { self.pages.address().cast().as_mut() }
    }

    /// Says whether the bytes can never be swapped to a disk: secret memory, or locked memory.
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

/// Bytes in the smallest page that any supported kernel has.
const MAXIMUM: usize = 4096;

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
