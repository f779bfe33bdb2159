//! What happens when a chunk cannot be filled.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Says which chunk could not be filled, and why.
#[derive(Debug, thiserror::Error)]
#[error("chunk {index} could not be filled")]
#[non_exhaustive]
pub struct FillFailure<E: Error + 'static> {
    /// Number of the chunk, counted from 0.
    pub index: usize,
    /// Why it could not be filled.
    #[source]
    pub cause: FillCause<E>,
}

/// Says why a chunk could not be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FillCause<E: Error + 'static> {
    /// The filler says so.
    #[error(transparent)]
    Filler(E),
    /// The filler panicked. A bug of whoever wrote it; the panic's message went where panics go.
    #[error("the filler panicked")]
    Panicked,
    /// The filler wrote other bytes than the first time, which readers may still hold references to.
    #[error("the bytes are not the same as before")]
    Changed,
    /// The kernel did not take the pages, most often for lack of memory. The fault of the environment.
    #[error("the kernel did not take the pages")]
    Place(#[source] io::Error),
}

/// Writes `line` and a line feed to standard error and ends the process with [`EXIT_CODE`], without running any handler.
///
/// The line is written past Rust's own lock on standard error, which a thread may hold that waits for the very chunk.
/// Of several threads only the first one writes.
pub(super) fn end_process(line: &str) -> ! {
    static ENDING: AtomicBool = AtomicBool::new(false);
    while ENDING.swap(true, Ordering::Relaxed) {
        thread::park();
    }
    let text: String = line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    // There is nobody left to tell that nobody can be told.
    let _ = rustix::io::write(io::stderr(), format!("{text}\n").as_bytes());
    // SAFETY: it ends the process at once and touches no memory.
    unsafe { libc::_exit(EXIT_CODE) }
}

/// Exit code of a process that must not compute on.
const EXIT_CODE: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_which_chunk_and_the_cause_says_why() {
        let cause = FillCause::Filler(io::Error::other("bad tag"));
        let failure = FillFailure { index: 17, cause };
        assert_eq!(failure.to_string(), "chunk 17 could not be filled");
        assert_eq!(failure.source().unwrap().to_string(), "bad tag");
        assert_eq!(FillCause::<io::Error>::Panicked.to_string(), "the filler panicked");
    }
}
