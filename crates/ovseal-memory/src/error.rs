use std::io;

/// A failure to allocate or fill memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The kernel has no memory, or none with the protection that the type promises. An environment
    /// fault.
    #[error("cannot map {length} bytes of protected memory")]
    Map {
        /// Requested number of bytes.
        length: usize,
        /// The kernel's error, usually `ENOMEM`.
        source: io::Error,
    },

    /// A length exceeds the limit of the type. The fault of the caller or the input.
    #[error("{length} bytes exceed the limit of {limit}")]
    TooLong {
        /// Requested number of bytes.
        length: usize,
        /// Largest allowed number of bytes.
        limit: usize,
    },

    /// A reader returned more bytes than allowed. The fault of the input.
    #[error("the input is longer than the limit of {limit} bytes")]
    InputTooLong {
        /// Largest allowed number of bytes.
        limit: usize,
    },

    /// A buffer has no room for the bytes appended to it. It was not changed.
    #[error("{needed} bytes do not fit into a buffer of {capacity}")]
    Full {
        /// Length that the buffer would have had.
        needed: usize,
        /// Capacity of the buffer.
        capacity: usize,
    },

    /// This host offers no `userfaultfd(2)`, so memory cannot be paged in on demand. An environment
    /// fault.
    ///
    /// Container profiles often forbid this system call. Before Linux 5.11, it always requires
    /// privilege.
    #[error("this host cannot page memory in on demand")]
    Unavailable {
        /// The kernel's error, usually `EPERM` or `ENOSYS`.
        source: io::Error,
    },

    /// A chunk size is not a power of two, or is less than a page. The fault of the caller.
    #[error("a chunk of {chunk_size} bytes is not a power of two of at least {page_size}")]
    ChunkSize {
        /// Requested size of a chunk in bytes.
        chunk_size: usize,
        /// Bytes of a page on this kernel.
        page_size: usize,
    },

    /// The system provided no random numbers. An environment fault.
    #[error("the system provided no random numbers")]
    Random,

    /// A thread that fills memory could not be started. An environment fault.
    #[error("cannot start a thread that fills memory")]
    Thread {
        /// The kernel's error, usually `EAGAIN`.
        source: io::Error,
    },
}
