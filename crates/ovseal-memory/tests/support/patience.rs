//! Tests that fail instead of waiting for ever.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs `test` in a thread of its own, and fails when it has not ended after two minutes.
pub(crate) fn within_reason<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = test();
        let _ = sender.send(());
        result
    });
    let ended = receiver.recv_timeout(Duration::from_secs(120));
    assert_ne!(ended, Err(mpsc::RecvTimeoutError::Timeout), "a thread waits for ever");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
