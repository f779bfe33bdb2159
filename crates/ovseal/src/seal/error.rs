//! Why a model was not sealed.

use ovseal_format::crypto::data_key::RandomnessError;
use ovseal_format::error_kind::ErrorKind;
use ovseal_format::publisher::SignError;
use ovseal_format::recipient::WrapError;
use ovseal_format::statement::PUBLISHER_LIMIT;

/// A model could not be sealed. Nothing stands under the container's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no recipient, so nobody could open the container.
    #[error("no recipient")]
    NoRecipient,
    /// There are more recipients than a container holds, or more than one passphrase.
    #[error(
        "a container holds at most 32 stanzas, one of them for a passphrase, and one for each device with a passphrase"
    )]
    TooManyRecipients,
    /// Post-quantum and classical public keys are mixed: the weakest decides.
    #[error("post-quantum and classical public keys are mixed")]
    MixedRecipients,
    /// Only an enclave's key could open the container, and such a key changes with the processor's microcode.
    #[error("only an enclave's key could open the container, and it changes with the processor's microcode")]
    OnlyEnclave,
    /// More publishers are to sign than a container holds.
    #[error("at most {PUBLISHER_LIMIT} publishers sign a container")]
    TooManyPublishers,
    /// The model exceeds a limit of the format.
    #[error(
        "the model exceeds a limit of the format: 4096 parts, 1 TiB a part, 16,777,216 chunks, 4 MiB of paths"
    )]
    TooLarge,
    /// The container would overwrite a file of the model.
    #[error("the output is a file of the model")]
    OutputIsInput,
    /// The container would overwrite a file that was read for a key.
    #[error("the output is a file that was read for a key")]
    OutputIsKey,
    /// A file that was read for a key is part of the model.
    #[error("{} was given as a key or as a list of recipients, and must not be sealed", path.display())]
    KeyInModel {
        /// The file.
        path: std::path::PathBuf,
    },
    /// Something that is not a container stands in the output's place.
    #[error("only a container is replaced, not {what}")]
    Irreplaceable {
        /// What stands there, in words.
        what: &'static str,
    },
    /// A file of the model cannot be read, or changed meanwhile.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The container cannot be written.
    #[error("cannot write the container")]
    Write(#[source] std::io::Error),
    /// A recipient could not wrap the data key.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// A publisher's key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The operating system gives no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// There is too little memory for the buffers.
    #[error(transparent)]
    Memory(#[from] ovseal_memory::MemoryError),
    /// The caller's progress call-back cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl SealError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRecipient | Self::TooManyRecipients => ErrorKind::Usage,
            Self::MixedRecipients | Self::OnlyEnclave => ErrorKind::Usage,
            Self::TooManyPublishers | Self::TooLarge | Self::OutputIsInput => ErrorKind::Usage,
            Self::OutputIsKey | Self::KeyInModel { .. } | Self::Irreplaceable { .. } => ErrorKind::Usage,
            Self::Write(source) if source.kind() == std::io::ErrorKind::AlreadyExists => ErrorKind::Usage,
            Self::Wrap(error) => error.kind(),
            Self::Read { .. } | Self::Write(_) | Self::Randomness(_) | Self::Memory(_) => {
                ErrorKind::Environment
            }
            Self::Sign(_) | Self::Cancelled => ErrorKind::Environment,
        }
    }
}
