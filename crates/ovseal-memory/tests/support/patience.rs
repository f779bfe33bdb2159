//! Tests that fail instead of waiting forever.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Runs `test` in a separate thread, and fails if it takes longer than any machine needs.
pub(crate) fn within_reason<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = test();
        let _ = sender.send(());
        result
    });
    let ended = receiver.recv_timeout(PATIENCE);
    assert_ne!(ended, Err(mpsc::RecvTimeoutError::Timeout), "a thread waits forever");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Waits until `condition` holds, and fails if it never does.
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "the condition never holds");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Even busy and slow machines need only a fraction of this.
const PATIENCE: Duration = Duration::from_secs(1200);
