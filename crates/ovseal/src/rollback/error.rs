//! Why a rollback state cannot be used.

use std::path::PathBuf;

use ovseal_format::error_kind::ErrorKind;

use super::anchor::AnchorError;

/// The rollback state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RollbackError {
    /// The file is named but not there: whoever removed it could replay an old version.
    #[error("the rollback state {} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Whether it should be tied to a counter in hardware.
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
        /// Why.
        source: std::io::Error,
    },
    /// Other processes keep the lock.
    #[error("{} stays locked by another process", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// There are more models than the file can hold.
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
        /// Why.
        source: std::io::Error,
    },
    /// The state should be tied to a counter in hardware, and the file is not.
    #[error("the rollback state {} is not tied to a counter", path.display())]
    NotAnchored {
        /// The file.
        path: PathBuf,
    },
    /// The file is tied to a counter in hardware, which the caller does not want to be asked.
    #[error("the rollback state {} is tied to a counter, which has to be asked", path.display())]
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
    /// The counter is past the file: an older file was put back, or someone else counted the counter up.
    #[error(
        "the rollback state {} is an older one: it is of generation {generation}, and its counter shows {counter}",
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
    /// The counter is behind the file: what keeps it was set back.
    #[error(
        "the counter of the rollback state {} was set back: it shows {counter}, and the state is of generation {generation}",
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
        /// Why.
        source: AnchorError,
    },
}

impl RollbackError {
    /// Whose fault it is.
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
