//! Failures to fill a chunk, and the end of the process after a late one.

use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::sys;

/// A chunk that could not be filled, and the cause.
#[derive(Debug, thiserror::Error)]
#[error("cannot fill chunk {index}")]
#[non_exhaustive]
pub struct FillFailure<E: Error + 'static> {
    /// Number of the chunk, counted from 0.
    pub index: usize,
    /// Cause of the failure.
    #[source]
    pub cause: FillCause<E>,
}

/// The reason why a chunk could not be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FillCause<E: Error + 'static> {
    /// The filler returned an error.
    #[error(transparent)]
    Filler(E),
    /// The filler panicked, which is a bug in it. The panic hook has reported the message.
    #[error("the filler panicked")]
    Panicked,
    /// The filler wrote different bytes than before. Readers may hold references to the earlier
    /// bytes.
    #[error("the bytes differ from before")]
    Changed,
    /// The kernel did not accept the pages, usually for lack of memory. An environment fault.
    #[error("the kernel did not accept the pages")]
    Place(#[source] io::Error),
}

/// Ends the process because a chunk cannot be filled again.
///
/// Readers are waiting for this chunk in the middle of a read, and results have already been
/// computed from the memory. The process cannot continue correctly. The argument is one line
/// without control characters. A process calls a handler at most once; other threads that fail wait
/// for the end.
///
/// A handler must follow these rules:
///
/// - It never returns. If it panics, the process ends as with [`exit_with_line`], unless the
///   program aborts on panics.
/// - It runs on a thread of the memory, where all signals but faults are blocked.
/// - It takes no lock that a waiting reader may hold, such as that of standard error or of an
///   interpreter (Python's GIL). That rules out `eprintln!`.
/// - It does not touch the memory.
/// - It ends the process at once, as `_exit` does. `exit` runs handlers that may read the memory.
///   An abort may dump core, with any copies of the weights that a runtime has made.
pub type LateFailureHandler = fn(&str) -> !;

/// Writes `line` and a line feed to standard error and ends the process with exit code 3.
///
/// This is the default [`LateFailureHandler`]. It takes no lock and runs no exit handler.
pub fn exit_with_line(line: &str) -> ! {
    sys::exit_with(format!("{line}\n").as_bytes(), EXIT_CODE)
}

/// Calls `handler` with `text` as one line, unless another thread has already called one.
pub(super) fn end_process(handler: LateFailureHandler, text: &str) -> ! {
    static ENDING: AtomicBool = AtomicBool::new(false);
    while ENDING.swap(true, Ordering::Relaxed) {
        thread::park();
    }
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    caught(|| {
        handler(&line);
    });
    exit_with_line(&line)
}

/// Calls the caller's code, and returns `None` if it panics.
///
/// The payload of the panic is leaked, because it may panic again when dropped. State that `work`
/// left half changed must not be used afterwards.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(std::mem::forget).ok()
}

/// Exit code of a process that must not continue, the same as for a model that is not authentic.
const EXIT_CODE: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_chunk_and_the_source_names_the_cause() {
        let cause = FillCause::Filler(io::Error::other("bad tag"));
        let failure = FillFailure { index: 17, cause };
        assert_eq!(failure.to_string(), "cannot fill chunk 17");
        assert_eq!(failure.source().unwrap().to_string(), "bad tag");
        assert_eq!(FillCause::<io::Error>::Panicked.to_string(), "the filler panicked");
    }
}
