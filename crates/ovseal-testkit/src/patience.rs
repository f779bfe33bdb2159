//! Waiting for conditions, even on a busy machine.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until `condition` is true.
///
/// # Panics
///
/// If it is not true after ten minutes.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Counts the threads of this process whose name begins with `ovseal-`.
///
/// This excludes the runtime's threads, which it starts on first use, one per processor. A joined
/// thread may be counted for a short time.
pub fn threads_of_this_project() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("ovseal-")).count()
}

/// Even busy and slow machines need only a fraction of this.
const PATIENCE: Duration = Duration::from_secs(600);
