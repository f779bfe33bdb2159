//! Anchors: hardware counters that are not reset by restoring a disk.

use std::fmt;

use ovseal_format::error_kind::ErrorKind;

/// A counter that only grows, and a MAC key. Both are kept where no copy of the disk includes them,
/// as in a TPM.
///
/// For a state tied to an anchor, the generation is the counter's value, and the MAC was computed
/// with the anchor's key. To raise a floor, the file is written first, with the next generation,
/// and then the counter is advanced. A process that finds a file one generation ahead advances the
/// counter. Opening a model without raising a floor does not advance it.
///
/// `record` is the return value of [`create`](Self::create), read from the state. The MAC covers
/// it; until the MAC has been compared, it may be forged.
pub trait RollbackAnchor: fmt::Debug + Send + Sync {
    /// Creates a counter and a key for a new state.
    ///
    /// Returns the bytes by which the anchor finds the counter and key again: at most 1 KiB, not
    /// secret.
    ///
    /// # Errors
    /// [`AnchorError`].
    fn create(&self) -> Result<Vec<u8>, AnchorError>;

    /// Returns the counter's value, and the MAC over `message`.
    ///
    /// # Errors
    /// [`AnchorError`].
    fn attest(&self, record: &[u8], message: &[u8]) -> Result<Attested, AnchorError>;

    /// Advances the counter by one if its value is `from`, and does nothing otherwise.
    ///
    /// So a late call does no harm, even if its caller has given up and another process has
    /// advanced the counter.
    ///
    /// # Errors
    /// [`AnchorError`]. The counter may have been advanced nevertheless.
    fn advance(&self, record: &[u8], from: u64) -> Result<(), AnchorError>;
}

/// The answer of an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attested {
    /// The counter's value.
    pub counter: u64,
    /// The MAC over the message.
    pub mac: [u8; 32],
}

/// The error of an anchor that failed or refused to answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// It cannot be reached.
    #[error("its counter cannot be reached")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The state is tied to another anchor, or this one does not allow the use of its key now.
    #[error("its counter or key is unavailable")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AnchorError {
    /// Returns the kind of the error, which says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Backend(_) => ErrorKind::Environment,
            Self::Refused(_) => ErrorKind::Denied,
        }
    }
}
