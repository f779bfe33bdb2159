//! A chunk that cannot be filled again ends the process. Each case runs in a separate process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a child reports how far it got")]

#[path = "support/fillers.rs"]
mod fillers;

use std::env;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use fillers::{CHUNK, Faulty, Refused};
use ovseal_memory::{ChunkFiller, FillFailure, LateFailureHandler, Layout, PagedMemory, exit_with_line};

/// Runs the test of this name again, in a child process for which [`is_child`] is true.
fn child(test: &str) -> Output {
    let program = env::current_exe().unwrap();
    Command::new(program).args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap()
}

fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

fn touch_after_release<F: ChunkFiller>(filler: F, offset: usize) {
    touch_with(filler, offset, exit_with_line);
}

fn touch_with<F: ChunkFiller>(filler: F, offset: usize, on_late_failure: LateFailureHandler) {
    let memory = PagedMemory::start_with(filler, 1, on_late_failure).unwrap();
    memory.wait().unwrap();
    assert!(memory.release());
    println!("read {}", memory[offset]);
}

fn assert_ended(output: &Output, line: &str) {
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stderr), line);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("read"));
}

#[test]
fn a_chunk_that_fails_after_release_ends_the_process_with_one_line() {
    if is_child() {
        let verdict = |index, call| if call < 4 { Ok(()) } else { Err(Refused(index)) };
        return touch_after_release(Faulty::new(4, verdict), 2 * CHUNK + 5);
    }
    let output = child("a_chunk_that_fails_after_release_ends_the_process_with_one_line");
    assert_ended(&output, "cannot fill chunk 2: the tag of chunk 2 is wrong\n");
}

#[test]
fn many_failing_chunks_produce_one_line() {
    if is_child() {
        let verdict = |index, call| if call < 32 { Ok(()) } else { Err(Refused(index)) };
        let memory = PagedMemory::start(Faulty::new(32, verdict), 4).unwrap();
        memory.wait().unwrap();
        assert!(memory.release());
        drop(memory.populate());
        return println!("read");
    }
    let output = child("many_failing_chunks_produce_one_line");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}

/// Fills a chunk with the number of calls so far, which violates the contract without unsafe code.
struct Counting(AtomicUsize);

impl ChunkFiller for Counting {
    type Error = Refused;

    fn chunk_size(&self) -> usize {
        CHUNK
    }

    fn length(&self) -> usize {
        CHUNK
    }

    fn fill(&self, _index: usize, chunk: &mut [u8]) -> Result<(), Refused> {
        chunk.fill(self.0.fetch_add(1, Ordering::Relaxed) as u8);
        Ok(())
    }
}

#[test]
fn a_filler_that_writes_other_bytes_after_release_ends_the_process() {
    if is_child() {
        return touch_after_release(Counting(AtomicUsize::new(1)), CHUNK - 1);
    }
    let output = child("a_filler_that_writes_other_bytes_after_release_ends_the_process");
    assert_ended(&output, "cannot fill chunk 0: the bytes differ from before\n");
}

/// Fails with its own line from the second filling on, or panics instead of writing the line.
struct Worded(Faulty<Verdict>, &'static str);

type Verdict = fn(usize, usize) -> Result<(), Refused>;

impl ChunkFiller for Worded {
    type Error = Refused;

    fn chunk_size(&self) -> usize {
        self.0.chunk_size()
    }

    fn length(&self) -> usize {
        self.0.length()
    }

    fn fill(&self, index: usize, chunk: &mut [u8]) -> Result<(), Refused> {
        self.0.fill(index, chunk)
    }

    fn late_failure_line(&self, failure: &FillFailure<Refused>) -> String {
        if self.1.is_empty() {
            std::panic::resume_unwind(Box::new("no words"));
        }
        format!("{} of {}", self.1, failure.index)
    }
}

fn fails_the_second_time(index: usize, call: usize) -> Result<(), Refused> {
    if call == 0 { Ok(()) } else { Err(Refused(index)) }
}

#[test]
fn the_filler_words_the_line() {
    if is_child() {
        return touch_after_release(Worded(Faulty::new(1, fails_the_second_time), "loss\n"), 0);
    }
    assert_ended(&child("the_filler_words_the_line"), "loss  of 0\n");
}

#[test]
fn a_filler_that_panics_over_the_line_ends_the_process_all_the_same() {
    if is_child() {
        return touch_after_release(Worded(Faulty::new(1, fails_the_second_time), ""), 0);
    }
    let output = child("a_filler_that_panics_over_the_line_ends_the_process_all_the_same");
    assert_ended(&output, "cannot fill chunk 0\n");
}

#[test]
fn a_handler_gets_the_line_and_chooses_the_exit_code() {
    fn leave(line: &str) -> ! {
        // SAFETY: the line is as long as stated, and the call only reads it.
        unsafe { libc::write(2, line.as_ptr().cast(), line.len()) };
        // SAFETY: it ends the process at once.
        unsafe { libc::_exit(17) }
    }
    if is_child() {
        return touch_with(Faulty::new(1, fails_the_second_time), 0, leave);
    }
    let output = child("a_handler_gets_the_line_and_chooses_the_exit_code");
    let line = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), &*line),
        (Some(17), "cannot fill chunk 0: the tag of chunk 0 is wrong")
    );
    assert!(!String::from_utf8_lossy(&output.stdout).contains("read"));
}

#[test]
fn a_handler_that_panics_ends_the_process_all_the_same() {
    /// A payload that panics again when it is dropped.
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new(()));
        }
    }
    fn panics(_line: &str) -> ! {
        std::panic::resume_unwind(Box::new(Payload))
    }
    if is_child() {
        return touch_with(Faulty::new(1, fails_the_second_time), 0, panics);
    }
    let output = child("a_handler_that_panics_ends_the_process_all_the_same");
    assert_ended(&output, "cannot fill chunk 0: the tag of chunk 0 is wrong\n");
}

#[test]
fn a_filler_that_panics_after_release_ends_the_process() {
    if is_child() {
        let verdict = |_, call| if call == 0 { Ok(()) } else { std::panic::resume_unwind(Box::new(())) };
        return touch_after_release(Faulty::new(1, verdict), 9);
    }
    let output = child("a_filler_that_panics_after_release_ends_the_process");
    assert_ended(&output, "cannot fill chunk 0: the filler panicked\n");
}

#[test]
fn a_dropped_chunk_that_fails_ends_the_process_before_the_last_one_was_filled() {
    if is_child() {
        let verdict = |index, call| if index != 0 || call < 40 { Ok(()) } else { Err(Refused(index)) };
        let memory = PagedMemory::start(Faulty::new(1000, verdict), 1).unwrap();
        memory.bound(Layout::default(), Some(2 * CHUNK)).unwrap();
        loop {
            (0..60).for_each(|index| assert_ne!(memory[index * CHUNK], 0));
        }
    }
    let output = child("a_dropped_chunk_that_fails_ends_the_process_before_the_last_one_was_filled");
    assert_ended(&output, "cannot fill chunk 0: the tag of chunk 0 is wrong\n");
}

const CHILD: &str = "OVSEAL_TEST_CHILD";
