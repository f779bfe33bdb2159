//! The reasons why a model cannot be sealed.

use std::io;
use std::path::PathBuf;

use ovseal_format::error_kind::ErrorKind;
use ovseal_format::publisher::SignError;
use ovseal_format::random::RandomnessError;
use ovseal_format::recipient::WrapError;
use ovseal_format::stanza;
use ovseal_format::statement::PUBLISHER_LIMIT;

/// The error of sealing. The output is left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no recipient, so no key could open the container.
    #[error("no recipient")]
    NoRecipient,
    /// There are more recipients than a container holds, or too many passphrases.
    #[error("{}", stanza::LIMITS)]
    TooManyRecipients,
    /// Post-quantum and classical public keys are mixed. Such a container would be only as strong
    /// as the weakest key.
    #[error("post-quantum and classical public keys are mixed")]
    MixedRecipients,
    /// Only an enclave's key could open the container. Such a key changes with the processor's
    /// microcode.
    #[error("this would leave only an enclave's key, which changes with the processor's microcode")]
    OnlyEnclave,
    /// Only licences would open the container. It would be lost with its licence service.
    #[error("this would leave only a licence, which is lost with its licence service")]
    OnlyLicense,
    /// There are more publishers than a container has room for.
    #[error("at most {PUBLISHER_LIMIT} publishers can sign a container")]
    TooManyPublishers,
    /// The model exceeds a limit of the format.
    #[error(
        "the model exceeds a limit of the format: 4096 parts, 1 TiB per part, 16,777,216 chunks, 4 MiB of paths"
    )]
    TooLarge,
    /// The container would overwrite a file of the model.
    #[error("the output is a file of the model")]
    OutputIsInput,
    /// The container would overwrite a file from which a key was read.
    #[error("the output is a file from which a key was read")]
    OutputIsKey,
    /// A file from which a key was read is part of the model.
    #[error("{} was given as a key or as a list of recipients, and must not be sealed", path.display())]
    KeyInModel {
        /// The file.
        path: PathBuf,
    },
    /// The output exists and is not a container.
    #[error("only a container can be replaced, not {what}")]
    Irreplaceable {
        /// The kind of file found there, in words.
        what: &'static str,
    },
    /// A file of the model cannot be read, or changed during sealing.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The container cannot be written.
    #[error("cannot write the container")]
    Write(#[source] io::Error),
    /// A recipient could not wrap the data key.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// A publisher's key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The operating system provides no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// There is too little memory for the buffers.
    #[error(transparent)]
    Memory(#[from] ovseal_memory::MemoryError),
    /// The caller's progress callback cancelled the operation.
    #[error("cancelled")]
    Cancelled,
}

impl SealError {
    /// Returns the kind of the error, which says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRecipient | Self::TooManyRecipients => ErrorKind::Usage,
            Self::MixedRecipients | Self::OnlyEnclave | Self::OnlyLicense => ErrorKind::Usage,
            Self::TooManyPublishers | Self::TooLarge | Self::OutputIsInput => ErrorKind::Usage,
            Self::OutputIsKey | Self::KeyInModel { .. } | Self::Irreplaceable { .. } => ErrorKind::Usage,
            Self::Write(source) if source.kind() == io::ErrorKind::AlreadyExists => ErrorKind::Usage,
            Self::Wrap(error) => error.kind(),
            Self::Read { .. } | Self::Write(_) | Self::Randomness(_) | Self::Memory(_) => {
                ErrorKind::Environment
            }
            Self::Sign(_) | Self::Cancelled => ErrorKind::Environment,
        }
    }
}
