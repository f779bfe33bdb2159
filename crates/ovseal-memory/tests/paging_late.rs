//! A chunk that fails after it was good ends the process, so each case runs in a process of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a child says how far it came")]

#[path = "support/fillers.rs"]
mod fillers;

use std::env;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use fillers::{CHUNK, Faulty, Refused};
use ovseal_memory::{ChunkFiller, FillFailure, PagedMemory};

/// Runs the test of this name once more, as a child that finds itself in [`is_child`].
fn child(test: &str) -> Output {
    let program = env::current_exe().unwrap();
    Command::new(program).args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap()
}

fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

fn touch_after_release<F: ChunkFiller>(filler: F, offset: usize) {
    let memory = PagedMemory::start(filler, 1).unwrap();
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
    assert_ended(&output, "chunk 2 could not be filled: the tag of chunk 2 is wrong\n");
}

#[test]
fn many_readers_of_failing_chunks_get_one_line() {
    if is_child() {
        let verdict = |index, call| if call < 32 { Ok(()) } else { Err(Refused(index)) };
        let memory = PagedMemory::start(Faulty::new(32, verdict), 4).unwrap();
        memory.wait().unwrap();
        assert!(memory.release());
        drop(memory.populate());
        return println!("read");
    }
    let output = child("many_readers_of_failing_chunks_get_one_line");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}

/// Fills a chunk with the number of times that it filled one: safe code can be wrong.
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
    assert_ended(&output, "chunk 0 could not be filled: the bytes are not the same as before\n");
}

/// Fails with a line of its own from the second filling on, or panics when it is to word the line.
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
fn a_filler_that_has_no_words_ends_the_process_all_the_same() {
    if is_child() {
        return touch_after_release(Worded(Faulty::new(1, fails_the_second_time), ""), 0);
    }
    let output = child("a_filler_that_has_no_words_ends_the_process_all_the_same");
    assert_ended(&output, "chunk 0 could not be filled\n");
}

#[test]
fn a_filler_that_panics_after_release_ends_the_process() {
    if is_child() {
        let verdict = |_, call| if call == 0 { Ok(()) } else { std::panic::resume_unwind(Box::new(())) };
        return touch_after_release(Faulty::new(1, verdict), 9);
    }
    let output = child("a_filler_that_panics_after_release_ends_the_process");
    assert_ended(&output, "chunk 0 could not be filled: the filler panicked\n");
}

const CHILD: &str = "OVSEAL_TEST_CHILD";
