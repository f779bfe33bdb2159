//! The reasons why a container cannot be rekeyed.

use std::io;
use std::path::{Path, PathBuf};

use ovseal_format::error_kind::ErrorKind;
use ovseal_format::recipient::WrapError;
use ovseal_format::stanza;

use super::waiting::WaitingStanzas;
use crate::error::OpenError;

/// The error of rekeying. The container opens either with the old keys or with the new ones.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// The container cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A recipient could not wrap the data key.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// There is no stanza to add or remove.
    #[error("nothing to add or remove")]
    Nothing,
    /// A stanza of the container was to be removed with a side file, which can only add stanzas.
    #[error("a side file cannot remove stanzas")]
    RemoveFromSideFile,
    /// There is no stanza with this number.
    #[error("the container has no stanza {0}")]
    NoSuchStanza(usize),
    /// No stanza would be left.
    #[error("the last stanza cannot be removed: no key would open the container")]
    LastStanza,
    /// Only keys of enclaves would be left. Such a key changes with the processor's microcode.
    #[error("this would leave only an enclave's key, which changes with the processor's microcode")]
    OnlyEnclave,
    /// Only licences would open the container. It would be lost with its licence service.
    #[error("this would leave only a licence, which is lost with its licence service")]
    OnlyLicense,
    /// There would be too many stanzas, or too many passphrase stanzas.
    #[error("{}", stanza::LIMITS)]
    TooManyStanzas,
    /// The stanzas do not fit into the space reserved when the container was sealed.
    #[error("the stanzas do not fit into the {room} bytes reserved for them")]
    NoRoom {
        /// Bytes in the region.
        room: u64,
    },
    /// Post-quantum and classical public keys would be mixed.
    #[error("post-quantum and classical public keys are mixed")]
    MixedRecipients,
    /// Another process is rekeying the container.
    #[error("another process is rekeying {}", path.display())]
    Locked {
        /// The container.
        path: PathBuf,
    },
    /// The container has reached the highest generation.
    #[error("the container has been rekeyed as often as the format allows")]
    LastGeneration,
    /// The container has several names (hard links), and a rekeying could leave its file next to
    /// any of them.
    #[error("{} has several hard links", path.display())]
    HardLinks {
        /// The container.
        path: PathBuf,
    },
    /// The path is a symbolic link, or something else that is not a regular file.
    #[error("{} is {what}; only a regular file can be rekeyed", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// The kind of file found there, in words.
        what: &'static str,
    },
    /// The container has been replaced by another file.
    #[error("{} was replaced during the rekeying", path.display())]
    Replaced {
        /// The container.
        path: PathBuf,
    },
    /// The stanzas have changed since the caller looked at them.
    #[error("the stanzas have changed: they are of generation {found}, not {expected}")]
    GenerationChanged {
        /// The generation that the caller saw.
        expected: u64,
        /// The generation now.
        found: u64,
    },
    /// Stanzas of another rekeying are pending next to the container, and only the caller can
    /// decide about them.
    #[error("{0}")]
    Waiting(Box<WaitingStanzas>),
    /// The rekeying file belongs to another container, is incomplete, or is not authentic.
    #[error("{} is not an interrupted rekeying of this container", path.display())]
    ForeignRekeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The container, or a file next to it, cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl RekeyError {
    /// Returns the kind of the error, which says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Open(error) => error.kind(),
            Self::Wrap(error) => error.kind(),
            Self::Write { .. } | Self::Locked { .. } | Self::HardLinks { .. } => ErrorKind::Environment,
            Self::ForeignRekeyFile { .. } | Self::Waiting(_) => ErrorKind::NotAuthentic,
            Self::Replaced { .. } | Self::GenerationChanged { .. } => ErrorKind::Environment,
            _ => ErrorKind::Usage,
        }
    }

    /// Makes errors for failures to write `path`.
    pub(super) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write { path: path.into(), source }
    }
}
