//! Errors of reading an enclave's key.

use std::io;
use std::path::PathBuf;

/// Errors of reading the key of an enclave.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnclaveError {
    /// Gramine's file is missing: this is not an enclave, or a different library OS, or an older
    /// Gramine.
    #[error("this program does not run in an SGX enclave under Gramine: there is no {}", path.display())]
    NoEnclave {
        /// The missing file.
        path: PathBuf,
    },
    /// The file exists but cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file does not contain a key.
    #[error("{} does not contain a key of 16 bytes", path.display())]
    Length {
        /// The file.
        path: PathBuf,
    },
}
