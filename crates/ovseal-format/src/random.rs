//! Random bytes of the operating system.

use aws_lc_rs::rand;
use ovseal_memory::Secret;

/// The error for an operating system that provides no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system provided no random bytes")]
pub struct RandomnessError;

/// Returns `N` random bytes in secret memory.
pub(crate) fn random_secret<const N: usize>() -> Result<Secret<N>, RandomnessError> {
    Secret::try_from_fn(|bytes| rand::fill(bytes)).map_err(|_| RandomnessError)
}

/// Returns `N` random bytes that need not stay secret, for a salt or an id.
///
/// # Errors
/// [`RandomnessError`] if the operating system provides no random bytes.
pub fn random_array<const N: usize>() -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| RandomnessError)?;
    Ok(bytes)
}
