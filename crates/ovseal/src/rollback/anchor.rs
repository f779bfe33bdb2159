//! What ties a rollback state to something that no copy of the disk brings back.

use std::fmt;

use ovseal_format::error_kind::ErrorKind;

/// A counter that only grows, and a key that makes MACs, both kept where no copy of the disk holds them: in a TPM.
///
/// A state that is tied to it holds the counter's value as its generation, and its MAC. To raise a floor the file is written first, with
/// the next generation, and then the counter is advanced; whoever finds a file that is one ahead advances it. Nothing is
/// counted for an opening that raises nothing.
///
/// `place` is what [`create`](Self::create) gave, read from the state: it is hostile until the MAC has been compared. The
/// MAC covers it.
pub trait RollbackAnchor: fmt::Debug + Send + Sync {
    /// Makes a counter and a key for one more state, and gives the bytes by which they are found again: no secret, at most
    /// 1 KiB.
    ///
    /// # Errors
    /// [`AnchorError`].
    fn create(&self) -> Result<Vec<u8>, AnchorError>;

    /// What the counter shows, and the MAC over `message`.
    ///
    /// # Errors
    /// [`AnchorError`].
    fn attest(&self, place: &[u8], message: &[u8]) -> Result<Attested, AnchorError>;

    /// Counts the counter up by one if it shows `from`, and does nothing otherwise.
    ///
    /// So it does no harm when it comes late: when its caller gave up waiting, and another one counted up meanwhile.
    ///
    /// # Errors
    /// [`AnchorError`]; it may have been counted up all the same.
    fn advance(&self, place: &[u8], from: u64) -> Result<(), AnchorError>;
}

/// What an anchor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attested {
    /// The counter's value.
    pub counter: u64,
    /// The MAC over the message.
    pub mac: [u8; 32],
}

/// An anchor did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// It could not be asked.
    #[error("its counter cannot be asked")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is not the one to which the state is tied, or does not let the key be used now.
    #[error("its counter or key is not to be had")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AnchorError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Backend(_) => ErrorKind::Environment,
            Self::Refused(_) => ErrorKind::Denied,
        }
    }
}
