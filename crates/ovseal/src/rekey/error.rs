//! Why a container could not be rekeyed, and whose fault it is.

use std::path::PathBuf;

use ovseal_format::error_kind::ErrorKind;
use ovseal_format::recipient::WrapError;

use super::WaitingStanzas;
use crate::error::OpenError;

/// A container could not be rekeyed. It opens as before, or as intended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// The container cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A recipient could not wrap the data key.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// There is nothing to do.
    #[error("nothing to add or remove")]
    Nothing,
    /// A side file is replaced as a whole; stanzas of the container cannot be removed by it.
    #[error("a side file removes nothing")]
    RemoveFromSideFile,
    /// There is no stanza with this number.
    #[error("the container has no stanza {0}")]
    NoSuchStanza(usize),
    /// No stanza would be left.
    #[error("no stanza would be left: nobody could open the container")]
    LastStanza,
    /// Only enclaves' keys would be left, and such a key changes with the processor's microcode.
    #[error("only an enclave's key would be left, and it changes with the processor's microcode")]
    OnlyEnclave,
    /// There would be too many stanzas, or more than one for a passphrase.
    #[error(
        "a container holds at most 32 stanzas, one of them for a passphrase, and one for each device with a passphrase"
    )]
    TooManyStanzas,
    /// The stanzas do not fit into the room that was left for them when the container was sealed.
    #[error("the stanzas do not fit into the {room} bytes that were left for them")]
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
    /// The container's generation can grow no further.
    #[error("the container was rekeyed as often as the format allows")]
    LastGeneration,
    /// The container has several names, beside each of which a rekeying could leave its file.
    #[error("{} has several hard links", path.display())]
    HardLinks {
        /// The container.
        path: PathBuf,
    },
    /// The path does not name the container itself.
    #[error("{} is {what}, and is not changed in place", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What it names, in words.
        what: &'static str,
    },
    /// The container was replaced by another one meanwhile.
    #[error("{} was replaced while it was rekeyed", path.display())]
    Replaced {
        /// The container.
        path: PathBuf,
    },
    /// The stanzas changed after the caller looked at them.
    #[error("the stanzas changed meanwhile: they are of generation {found}, not {expected}")]
    GenerationChanged {
        /// The generation that the caller saw.
        expected: u64,
        /// The generation now.
        found: u64,
    },
    /// The stanzas of another rekeying wait next to the container, and this one may not take them
    /// over by itself.
    #[error("{0}")]
    Waiting(Box<WaitingStanzas>),
    /// The file of an interrupted rekeying is there but is not this container's, incomplete, or not
    /// authentic.
    #[error("{} is not the unfinished rekeying of this container", path.display())]
    ForeignRekeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The container or a file beside it cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl RekeyError {
    /// Whose fault it is.
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
}
