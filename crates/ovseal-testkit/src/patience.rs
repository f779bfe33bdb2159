//! Waiting for what must happen, however busy the machine is.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until `condition` holds. Fails if it never does.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Counts the threads of this process that have a name of this project.
///
/// The runtime's own threads are not among them: it starts them when it first needs them, as many
/// as there are processors. A thread that was joined may be counted for a while.
pub fn threads_of_this_project() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("ovseal-")).count()
}

/// Busy and slow machines need a fraction of it.
const PATIENCE: Duration = Duration::from_secs(600);
