//! Errors of collecting evidence.

use std::io;
use std::path::{Path, PathBuf};

/// Errors of collecting evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The interface exists, but has no provider: there is no trusted environment, or attestation
    /// is off.
    #[error("no evidence is available: {} has no provider", path.display())]
    NoProvider {
        /// The interface.
        path: PathBuf,
    },
    /// The kernel reports a provider whose evidence is not supported.
    #[error("evidence provider {0:?} is not supported")]
    UnknownProvider(String),
    /// A file of the interface cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process used the same entry, or the enclave made two requests at once.
    #[error("another request interfered")]
    Interference,
    /// The evidence has an impossible length or version.
    #[error("{provider} returned malformed evidence")]
    Malformed {
        /// The provider of the evidence.
        provider: &'static str,
    },
}

impl EvidenceError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }
}
