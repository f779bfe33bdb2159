//! Errors of the cache.

use std::io;
use std::path::PathBuf;

use ovseal::SealError;

use crate::load::SealedModelError;
use crate::runtime::NetworkError;

/// The error for a cache that cannot be used, or could not store a compiled model.
///
/// The model itself is still usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The directory cannot be created, read or changed.
    #[error("cannot use the cache {}", path.display())]
    Folder {
        /// The directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The container does not have the requested network.
    #[error(transparent)]
    Container(#[from] SealedModelError),
    /// There is no such device, or it does not identify itself.
    #[error("the device does not identify itself")]
    Device(#[source] NetworkError),
    /// No library is loaded under the name that the plugin reports, so its build is unknown.
    #[error("the build of {library} is unknown")]
    Library {
        /// The library's name.
        library: String,
    },
    /// The system does not report the processor's features.
    #[error("the processor's features are unknown")]
    Processor,
    /// The device cannot export compiled models.
    #[error("cannot store the compiled model")]
    Export(#[source] NetworkError),
    /// The compiled model on its own exceeds the limit of the cache.
    #[error("the compiled model takes {length} bytes; the limit of the cache is {limit}")]
    TooLarge {
        /// The size of its entry.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// The entry cannot be written.
    #[error("cannot store the compiled model")]
    Seal(#[source] SealError),
}
