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

    /// This host gives no `userfaultfd(2)`, so memory cannot be filled on demand. The fault of the environment: container
    /// profiles often forbid it, and kernels before 5.11 lack the kind that needs no privilege.
    #[error("memory cannot be filled on demand here")]
    Unavailable {
        /// The kernel's answer, most often `EPERM` or `ENOSYS`.
        source: io::Error,
    },

    /// A chunk cannot be of this size: it has to be a power of two and at least a page. The fault of the caller.
    #[error("a chunk of {chunk_size} bytes is not a power of two of at least {page_size}")]
    ChunkSize {
        /// Bytes in a chunk, as they were asked for.
        chunk_size: usize,
        /// Bytes in a page of this kernel.
        page_size: usize,
    },

    /// The system gave no random numbers. The fault of the environment.
    #[error("the system gives no random numbers")]
    Random,

    /// A thread that fills memory could not be started. The fault of the environment.
    #[error("cannot start a thread that fills memory")]
    Thread {
        /// The kernel's answer, most often `EAGAIN`.
        source: io::Error,
    },
}
