//! Why a compiled model could not be kept.

use std::io;
use std::path::PathBuf;

use ovseal::SealError;

use crate::error::ModelError;
use crate::sealed::SealedModelError;

/// A cache cannot be used, or could not keep a compiled model. The model itself can be used all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The folder cannot be made, read or changed.
    #[error("cannot use the cache {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The container has no such network.
    #[error(transparent)]
    Container(#[from] SealedModelError),
    /// There is no such device, or it does not say what it is.
    #[error("the device does not say what it is")]
    Device(#[source] ModelError),
    /// The library that compiles for the device is not loaded under the name by which it goes, so that its build is not known.
    #[error("the build of {library} is not known")]
    Library {
        /// The library's name.
        library: String,
    },
    /// The system does not say what the processor can do.
    #[error("the processor's features are not known")]
    Processor,
    /// The device cannot export compiled models.
    #[error("the compiled model cannot be kept")]
    Export(#[source] ModelError),
    /// The compiled model alone has more bytes than the cache may have.
    #[error("the compiled model takes {length} bytes, and the cache may have {limit}")]
    TooLarge {
        /// What it takes.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// The entry cannot be written.
    #[error("the compiled model cannot be kept")]
    Seal(#[source] SealError),
}
