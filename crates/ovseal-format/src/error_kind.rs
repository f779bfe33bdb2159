//! The kinds of failure into which this project sorts its errors.

/// The kind of a failure, which says whose fault it is. It decides the command's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The environment failed: a disk, memory, a device.
    Environment,
    /// The caller's input is invalid, for example a malformed key.
    Usage,
    /// The container is damaged, truncated, or differs from what its publisher made.
    NotAuthentic,
    /// None of the caller's keys opens the container.
    NoKeyFits,
    /// The container does not meet the caller's requirements: publisher, name or version.
    Denied,
    /// The file is not a container, or needs something that this version does not support.
    Unsupported,
}
