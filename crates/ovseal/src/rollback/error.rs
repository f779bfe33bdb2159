//! The reasons why a rollback state cannot be used.

use std::path::PathBuf;

use ovseal_format::error_kind::ErrorKind;

use super::anchor::AnchorError;

/// The rollback state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RollbackError {
    /// The file does not exist. Someone may have removed it to run an old version.
    #[error("the rollback state {} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// True if the state should be tied to a counter in hardware.
        anchored: bool,
    },
    /// The file's content is damaged.
    #[error("the rollback state {} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the rollback state {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another process has held the lock for too long.
    #[error("{} is still locked by another process", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// The file has no room for another model.
    #[error("the rollback state {} is full", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write the rollback state {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The state should be tied to a counter in hardware, but the file is not.
    #[error("the rollback state {} is not tied to a counter", path.display())]
    NotAnchored {
        /// The file.
        path: PathBuf,
    },
    /// The file is tied to a counter in hardware, but the caller specified none.
    #[error("the rollback state {} is tied to a counter, which must be checked", path.display())]
    Anchored {
        /// The file.
        path: PathBuf,
    },
    /// The file was not written by a holder of the anchor's key.
    #[error("the rollback state {} is not authentic", path.display())]
    NotAuthentic {
        /// The file.
        path: PathBuf,
    },
    /// The counter is ahead of the file: an older file was restored, or someone else advanced the
    /// counter.
    #[error(
        "the rollback state {} is outdated: its generation is {generation}, and its counter is at {counter}",
        path.display()
    )]
    RolledBack {
        /// The file.
        path: PathBuf,
        /// The file's generation.
        generation: u64,
        /// The counter's value.
        counter: u64,
    },
    /// The counter is behind the file: its device was restored to an earlier state.
    #[error(
        "the counter of the rollback state {} was set back: it is at {counter}, and the state's generation is {generation}",
        path.display()
    )]
    CounterSetBack {
        /// The file.
        path: PathBuf,
        /// The file's generation.
        generation: u64,
        /// The counter's value.
        counter: u64,
    },
    /// The counter or its key cannot be used.
    #[error("the rollback state {} cannot be checked", path.display())]
    Anchor {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: AnchorError,
    },
}

impl RollbackError {
    /// Returns the kind of the error, which says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } | Self::Read { .. } => ErrorKind::Denied,
            Self::NotAnchored { .. } | Self::Anchored { .. } | Self::NotAuthentic { .. } => ErrorKind::Denied,
            Self::RolledBack { .. } | Self::CounterSetBack { .. } => ErrorKind::Denied,
            Self::Anchor { source, .. } => source.kind(),
            Self::Write { .. } | Self::Locked { .. } | Self::Full { .. } => ErrorKind::Environment,
        }
    }
}
