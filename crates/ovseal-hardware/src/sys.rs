//! Everything that only Linux provides, apart from the interfaces to the hardware itself.

use std::fs;

/// Returns whether this process has a single thread, or false if that is unknown.
pub(crate) fn has_single_thread() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}
