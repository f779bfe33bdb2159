//! Limits of this process, and swap space of the host.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// Bytes that this process may lock (`RLIMIT_MEMLOCK`, soft); `None` is unlimited.
pub(crate) fn lock_limit() -> Option<u64> {
    getrlimit(Resource::Memlock).current
}

/// Bytes of a core file (`RLIMIT_CORE`, soft); `None` is unlimited.
pub(crate) fn core_limit() -> Option<u64> {
    getrlimit(Resource::Core).current
}

/// Returns the contents of `/proc/swaps`, if the file can be read.
pub(crate) fn swap_table() -> Option<String> {
    fs::read_to_string("/proc/swaps").ok()
}
