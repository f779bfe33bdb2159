//! What goes wrong when a container is opened, verified or rekeyed, and whose fault it is.

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

/// A container could not be opened or verified. Nothing of its content was handed out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file cannot be read.
    #[error("cannot read {what}")]
    Read {
        /// Which file or section.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not begin as a container does.
    #[error("the file is no ovseal container")]
    NotAContainer,
    /// The container is of another version.
    #[error("the container has version {0}, this program reads version 1")]
    Version(u16),
    /// The container has a suite that this version does not know.
    #[error("the container has suite {0}, this program reads suites 1 and 2")]
    Suite(u16),
    /// The container has flags that this version does not know.
    #[error("the container has flags {0:#x} that this program does not know")]
    Flags(u32),
    /// The container has no end: it is truncated, or something was appended.
    #[error("the container is truncated or its end is damaged")]
    Truncated,
    /// A section is malformed or its checksum is wrong.
    #[error("{0} is damaged")]
    Damaged(Section),
    /// A section is not what the publisher or a holder of the key made.
    #[error("{0} is not authentic")]
    NotAuthentic(Section),
    /// A chunk is not authentic.
    #[error("chunk {index} of {part} is not authentic")]
    Chunk {
        /// The part, by path if the caller may know it, else by number.
        part: String,
        /// Number of the chunk in the part, from 0.
        index: u64,
    },
    /// A chunk could not be decrypted into a mapping, for another reason than that it is not authentic.
    #[error("chunk {index} of {part} cannot be decrypted")]
    Fill {
        /// The part.
        part: String,
        /// Number of the chunk in the part, from 0.
        index: u64,
        /// Why.
        source: Arc<FillFailure<OpenError>>,
    },
    /// A signature of a trusted publisher is wrong.
    #[error("the signature of publisher {0} does not verify")]
    Signature(KeyId),
    /// A signature of a trusted publisher is missing: its key demands more algorithms than signed.
    #[error("publisher {0} has not signed with every algorithm of its key")]
    SignatureMissing(KeyId),
    /// The container is unsigned although publishers were named.
    #[error("the container is not signed")]
    Unsigned,
    /// The container is signed by others than the named publishers.
    #[error("the container is not signed by a trusted publisher")]
    Untrusted,
    /// Publishers signed whom the caller trusts, but for models of other names only.
    #[error("the container's model is none for which its publisher {} is trusted", list(.0))]
    NotForPublisher(Vec<KeyId>),
    /// The container holds another model than demanded.
    #[error("the container does not hold the model {name:?}")]
    WrongName {
        /// The demanded name.
        name: String,
    },
    /// The security version is below what is demanded.
    #[error("security version {found} is below {floor}")]
    SecurityVersion {
        /// The container's.
        found: u64,
        /// The least that is allowed.
        floor: u64,
    },
    /// The rollback state cannot be used.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// A demand rests on a publisher's signature, but no publisher is named.
    #[error("a demanded name, security version or rollback state needs a trusted publisher")]
    DemandWithoutPublisher,
    /// Publishers are to be trusted, but none is named.
    #[error("the list of trusted publishers is empty")]
    NoPublisher,
    /// The caller names no sender, and the container is not for passphrases and key files alone.
    #[error("no publisher is named, and the container {}", claim(claimed))]
    SenderNotNamed {
        /// The publishers who claim to have signed. Nothing of it was checked.
        claimed: Vec<KeyId>,
    },
    /// None of the caller's keys opens the container.
    #[error("no key fits")]
    NoKeyFits {
        /// The types of the container's stanzas.
        stanzas: Vec<String>,
    },
    /// No key fits, and a stanza was passed over because its key derivation exceeds the caller's
    /// limit.
    #[error(
        "no key fits; a passphrase's stanza was not tried: with it, key derivation takes {needed} MiB \
         (memory times passes), and the limit is {limit} MiB"
    )]
    KdfLimit {
        /// The least limit with which the first such stanza is tried, in MiB.
        needed: u64,
        /// The limit in MiB.
        limit: u32,
    },
    /// A key could not be tried.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// The side file is not one of this container, or not authentic.
    #[error("{} is damaged or belongs to another container", path.display())]
    SideFile {
        /// The side file.
        path: PathBuf,
    },
    /// There is no such part.
    #[error("the container has no part {0:?}")]
    NoSuchPart(String),
    /// A range reaches beyond the end of a part, or a buffer does not have a part's length.
    #[error("bytes {offset} to {end} are not within {part}")]
    OutOfRange {
        /// The part.
        part: PartPath,
        /// First byte.
        offset: u64,
        /// Byte after the last.
        end: u64,
    },
    /// A part refers to what it must not.
    #[error("{part} cannot be opened")]
    Onnx {
        /// The part.
        part: PartPath,
        /// Why.
        source: OnnxError,
    },
    /// An IR would make the runtime read other memory than its weights, or is damaged.
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
    /// There is too little memory.
    #[error(transparent)]
    Memory(#[from] ovseal_memory::MemoryError),
}

fn list(ids: &[KeyId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A section of a container, in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Section {
    /// The first 4096 bytes.
    #[error("the prologue")]
    Prologue,
    /// The stanzas.
    #[error("the stanza region")]
    Stanzas,
    /// Zero bytes between the parts.
    #[error("the padding between the parts")]
    Padding,
    /// Tags, digests and MAC.
    #[error("the trailer")]
    Trailer,
    /// The encrypted list of parts.
    #[error("the manifest")]
    Manifest,
    /// What the publisher signs.
    #[error("the statement")]
    Statement,
    /// The publishers' signatures.
    #[error("the list of signatures")]
    Signatures,
}

impl OpenError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } | Self::Memory(_) => ErrorKind::Environment,
            Self::Unwrap(error) => error.kind(),
            Self::NotAContainer | Self::Version(_) | Self::Suite(_) | Self::Flags(_) => {
                ErrorKind::Unsupported
            }
            Self::Truncated | Self::Damaged(_) | Self::NotAuthentic(_) | Self::Chunk { .. } => {
                ErrorKind::NotAuthentic
            }
            Self::Paddle { .. } | Self::Signature(_) | Self::SideFile { .. } => ErrorKind::NotAuthentic,
            Self::Onnx { source, .. } => source.kind(),
            Self::Ir { source, .. } => source.kind(),
            Self::Unsigned | Self::Untrusted | Self::SignatureMissing(_) | Self::WrongName { .. } => {
                ErrorKind::Denied
            }
            Self::SecurityVersion { .. } | Self::NotForPublisher(_) => ErrorKind::Denied,
            Self::Rollback(error) => error.kind(),
            Self::DemandWithoutPublisher | Self::NoPublisher | Self::SenderNotNamed { .. } => {
                ErrorKind::Usage
            }
            Self::NoSuchPart(_) | Self::OutOfRange { .. } => ErrorKind::Usage,
            Self::NoKeyFits { .. } | Self::KdfLimit { .. } => ErrorKind::NoKeyFits,
            Self::Fill { source, .. } => match &source.cause {
                FillCause::Filler(error) => error.kind(),
                _ => ErrorKind::Environment,
            },
        }
    }

    pub(crate) fn read(what: impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_string();
        // A section whose place was checked against the file's length can only end early if the file shrank.
        move |source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Read { what, source },
        }
    }
}

/// Says who claims to have signed.
fn claim(publishers: &[KeyId]) -> String {
    match publishers {
        [] => "is not signed".to_owned(),
        [one] => format!("claims to be signed by {one}"),
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!("claims to be signed by {}", ids.join(" and "))
        }
    }
}
