//! Tests that fail instead of waiting for ever.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Runs `test` in a thread of its own. Fails if it has not ended long after any machine is done.
pub(crate) fn within_reason<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = test();
        let _ = sender.send(());
        result
    });
    let ended = receiver.recv_timeout(PATIENCE);
    assert_ne!(ended, Err(mpsc::RecvTimeoutError::Timeout), "a thread waits for ever");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Waits until `condition` holds. Fails if it never does.
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "the condition never holds");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Busy and slow machines need a fraction of it.
const PATIENCE: Duration = Duration::from_secs(1200);
