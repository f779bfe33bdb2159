//! Why there is no evidence.

use std::io;
use std::path::{Path, PathBuf};

/// Evidence could not be collected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The interface is there, but nothing behind it makes evidence: no trusted environment, or attestation is off.
    #[error("nothing makes evidence here: {} has no provider", path.display())]
    NoProvider {
        /// The interface.
        path: PathBuf,
    },
    /// The kernel names a provider whose evidence is not known here.
    #[error("evidence of the provider {0:?} is not known here")]
    UnknownProvider(String),
    /// A file of the interface cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process used the same entry, or the same enclave asked twice at once.
    #[error("another request interfered")]
    Interference,
    /// The evidence is too short or too long to be any.
    #[error("what {provider} gave is no evidence")]
    Malformed {
        /// Who gave it.
        provider: &'static str,
    },
}

impl EvidenceError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }
}
