//! The error of opening, verifying and rekeying a container.

use std::path::PathBuf;
use std::sync::Arc;

use ovseal_format::error_kind::ErrorKind;
use ovseal_format::part_path::PartPath;
use ovseal_format::recipient::UnwrapError;
use ovseal_format::statement::KeyId;
use ovseal_memory::{FillCause, FillFailure};

use crate::model::ir::IrError;
use crate::model::onnx::OnnxError;
use crate::model::paddle::PaddleError;
use crate::rollback::RollbackError;

/// The error of opening or verifying a container. None of its content is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file cannot be read.
    #[error("cannot read {what}")]
    Read {
        /// The file or section.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file does not begin like a container.
    #[error("not an ovseal container")]
    NotAContainer,
    /// The container has an unsupported version.
    #[error("the container has version {0}, but this program reads only version 1")]
    Version(u16),
    /// The container has an unsupported suite.
    #[error("the container has suite {0}, but this program reads only suites 1 and 2")]
    Suite(u16),
    /// The container has unknown flags.
    #[error("the container has unknown flags {0:#x}")]
    Flags(u32),
    /// The container has no valid end: it is truncated, or has bytes after its end.
    #[error("the container is truncated or its end is damaged")]
    Truncated,
    /// A section is malformed or its checksum is wrong.
    #[error("{0} is damaged")]
    Damaged(Section),
    /// A section is not what the publisher or a key holder wrote.
    #[error("{0} is not authentic")]
    NotAuthentic(Section),
    /// A chunk is not authentic.
    #[error("chunk {index} of {part} is not authentic")]
    Chunk {
        /// The part, by path if the caller may know it, otherwise by number.
        part: String,
        /// Number of the chunk in the part, from 0.
        index: u64,
    },
    /// A chunk cannot be decrypted into a mapping, for a reason other than authenticity.
    #[error("chunk {index} of {part} cannot be decrypted")]
    Fill {
        /// The part.
        part: String,
        /// Number of the chunk in the part, from 0.
        index: u64,
        /// The cause.
        source: Arc<FillFailure<OpenError>>,
    },
    /// A signature of a trusted publisher is wrong.
    #[error("the signature of publisher {0} does not verify")]
    Signature(KeyId),
    /// A signature by a trusted publisher is missing: the key has an algorithm that did not sign.
    #[error("publisher {0} has not signed with every algorithm of its key")]
    SignatureMissing(KeyId),
    /// The container is not signed, but publishers were specified.
    #[error("the container is not signed")]
    Unsigned,
    /// None of the specified publishers signed the container.
    #[error("the container is not signed by a trusted publisher")]
    Untrusted,
    /// The caller trusts the publishers that signed, but only for models with other names.
    #[error("a model with this name is not trusted from publisher {}", join(.0, ", "))]
    NotForPublisher(Vec<KeyId>),
    /// The container does not contain the required model.
    #[error("the container does not contain the model {name:?}")]
    WrongName {
        /// The required name.
        name: String,
    },
    /// The security version is below the floor.
    #[error("security version {found} is below {floor}")]
    SecurityVersion {
        /// The container's version.
        found: u64,
        /// The lowest version allowed.
        floor: u64,
    },
    /// The rollback state cannot be used.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// A requirement depends on a publisher's signature, but no publisher is specified.
    #[error("a required name, security version or rollback state needs a trusted publisher")]
    DemandWithoutPublisher,
    /// The list of publishers to trust is empty.
    #[error("the list of trusted publishers is empty")]
    NoPublisher,
    /// No sender is specified, and the container is not only for passphrases and key files.
    #[error("no publisher is named, and the container {}", claim(claimed))]
    SenderNotNamed {
        /// The publishers that the container claims as signers. The claim was not checked.
        claimed: Vec<KeyId>,
    },
    /// None of the caller's keys opens the container.
    #[error("no key fits")]
    NoKeyFits {
        /// The types of the container's stanzas.
        stanzas: Vec<String>,
    },
    /// No key fits, and a stanza was skipped because its key derivation exceeds the limit.
    #[error(
        "no key fits; a passphrase stanza was skipped: it requires key derivation of {needed} MiB \
         (memory times passes), and the limit is {limit} MiB"
    )]
    KdfLimit {
        /// The lowest limit, in MiB, with which the first such stanza would be tried.
        needed: u64,
        /// The limit in MiB.
        limit: u32,
    },
    /// A key could not be tried.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// The side file is not authentic, or belongs to another container.
    #[error("{} is damaged or belongs to another container", path.display())]
    SideFile {
        /// The side file.
        path: PathBuf,
    },
    /// The container has no part with this path.
    #[error("the container has no part {0:?}")]
    NoSuchPart(String),
    /// A range extends beyond its part, or a buffer's length differs from that of the part.
    #[error("the range {offset}..{end} is not within {part}")]
    OutOfRange {
        /// The part.
        part: PartPath,
        /// First byte.
        offset: u64,
        /// Byte after the last.
        end: u64,
    },
    /// An ONNX model is malformed or has a forbidden reference.
    #[error("{part} cannot be opened")]
    Onnx {
        /// The part.
        part: PartPath,
        /// The reason.
        source: OnnxError,
    },
    /// An IR is damaged, unsupported, or would make the runtime read other memory.
    #[error("{part} cannot be opened")]
    Ir {
        /// The part.
        part: PartPath,
        /// The line and the reason.
        source: IrError,
    },
    /// PaddlePaddle's parameters are damaged.
    #[error("{part} cannot be opened")]
    Paddle {
        /// The part.
        part: PartPath,
        /// The tensor.
        source: PaddleError,
    },
    /// There is not enough memory.
    #[error(transparent)]
    Memory(#[from] ovseal_memory::MemoryError),
}

/// A section of a container, as error messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Section {
    /// The first 4096 bytes.
    #[error("the prologue")]
    Prologue,
    /// The stanzas.
    #[error("the stanza region")]
    Stanzas,
    /// The zero bytes between the parts.
    #[error("the padding between the parts")]
    Padding,
    /// The tags, digests and MAC.
    #[error("the trailer")]
    Trailer,
    /// The encrypted list of parts.
    #[error("the manifest")]
    Manifest,
    /// The statement that the publisher signs.
    #[error("the statement")]
    Statement,
    /// The publishers' signatures.
    #[error("the list of signatures")]
    Signatures,
}

impl OpenError {
    /// Returns the kind of the error, which says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } | Self::Memory(_) => ErrorKind::Environment,
            Self::Unwrap(error) => error.kind(),
            Self::NotAContainer | Self::Version(_) | Self::Suite(_) | Self::Flags(_) => {
                ErrorKind::Unsupported
            }
            Self::Truncated
            | Self::Damaged(_)
            | Self::NotAuthentic(_)
            | Self::Chunk { .. }
            | Self::Paddle { .. }
            | Self::Signature(_)
            | Self::SideFile { .. } => ErrorKind::NotAuthentic,
            Self::Onnx { source, .. } => source.kind(),
            Self::Ir { source, .. } => source.kind(),
            Self::Unsigned
            | Self::Untrusted
            | Self::SignatureMissing(_)
            | Self::WrongName { .. }
            | Self::SecurityVersion { .. }
            | Self::NotForPublisher(_) => ErrorKind::Denied,
            Self::Rollback(error) => error.kind(),
            Self::DemandWithoutPublisher
            | Self::NoPublisher
            | Self::SenderNotNamed { .. }
            | Self::NoSuchPart(_)
            | Self::OutOfRange { .. } => ErrorKind::Usage,
            Self::NoKeyFits { .. } | Self::KdfLimit { .. } => ErrorKind::NoKeyFits,
            Self::Fill { source, .. } => match &source.cause {
                FillCause::Filler(error) => error.kind(),
                _ => ErrorKind::Environment,
            },
        }
    }

    /// Returns a function that turns a failure to read `what` into an error.
    pub(crate) fn read(what: impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_string();
        // The sections were checked against the file's length, so the file must have shrunk since.
        move |source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Read { what, source },
        }
    }
}

/// Describes the signers that a container claims.
fn claim(publishers: &[KeyId]) -> String {
    match publishers {
        [] => "is not signed".to_owned(),
        signers => format!("claims to be signed by {}", join(signers, " and ")),
    }
}

fn join(ids: &[KeyId], separator: &str) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}
