//! Why an enclave's key is not to be had.

use std::io;
use std::path::PathBuf;

/// The key of an enclave could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnclaveError {
    /// Gramine's file is not there: this is no enclave, or one under another library OS or an older Gramine.
    #[error("this program does not run in an SGX enclave under Gramine: there is no {}", path.display())]
    NoEnclave {
        /// The file that is missing.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else than a key.
    #[error("{} holds no key of 16 bytes", path.display())]
    Length {
        /// The file.
        path: PathBuf,
    },
}
