//! The kinds of failure that every error of this project falls into.

/// The kind of a failure: whose fault it is. The exit codes of the command follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The environment failed: a disk, memory, a device.
    Environment,
    /// The caller asked for something that makes no sense.
    Usage,
    /// The container is damaged, truncated, or not what its publisher made.
    NotAuthentic,
    /// None of the caller's keys opens the container.
    NoKeyFits,
    /// The container is authentic as far as can be told, but does not meet the caller's requirements.
    Denied,
    /// The file is not a container, or is of an unknown version.
    Unsupported,
}
