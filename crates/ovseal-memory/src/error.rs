use std::io;

/// Says why memory could not be had or filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The kernel gave no memory, or not with the protection that the type promises. The fault of the environment.
    #[error("cannot map {length} bytes of protected memory")]
    Map {
        /// Bytes that were asked for.
        length: usize,
        /// The kernel's answer, most often `ENOMEM`.
        source: io::Error,
    },

    /// A length is above the limit of the type. The fault of the caller or of the input.
    #[error("{length} bytes are more than the limit of {limit}")]
    TooLong {
        /// Bytes that were asked for.
        length: usize,
        /// Bytes that are allowed.
        limit: usize,
    },

    /// A reader went on after the number of bytes that was allowed. The fault of the input.
    #[error("the input is longer than the limit of {limit} bytes")]
    InputTooLong {
        /// Bytes that are allowed.
        limit: usize,
    },

    /// Bytes were added to a buffer that has no room for them; it was left as it was.
    #[error("{needed} bytes do not fit into a buffer of {capacity}")]
    Full {
        /// Length that the buffer would have had.
        needed: usize,
        /// Length that it can have.
        capacity: usize,
    },
}
