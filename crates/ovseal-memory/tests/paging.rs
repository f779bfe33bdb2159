//! Paged memory shows the right bytes, zeros after a failure, and never blocks a reader forever.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/fillers.rs"]
mod fillers;
mod support;

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use fillers::{CHUNK, Faulty, Pattern, Random, Refused, assert_pattern, expected};
use ovseal_memory::{ChunkFiller, FillCause, MemoryError, PagedMemory};
use support::patience::within_reason;
use support::{fork, smaps};

fn start<F: ChunkFiller>(filler: F) -> PagedMemory<F> {
    PagedMemory::start(filler, 2).unwrap()
}

fn filled(filler: Pattern) -> PagedMemory<Pattern> {
    let memory = start(filler);
    memory.wait().unwrap();
    memory
}

/// Returns a gate that stays closed while the sender exists.
fn gate() -> (mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>) {
    let (sender, gate) = mpsc::channel();
    (sender, Mutex::new(gate))
}

/// Reads single bytes and runs of bytes from eight threads at once.
fn read_at_random(memory: &[u8], reads: usize) {
    thread::scope(|scope| {
        for seed in 1..=8 {
            scope.spawn(move || {
                let mut random = Random(seed * 0x1234_5678_9ABC_DEF1);
                for _ in 0..reads {
                    let offset = random.below(memory.len());
                    assert_eq!(memory[offset], expected(offset));
                    let end = memory.len().min(offset + random.below(3 * CHUNK / 2));
                    assert_pattern(offset, &memory[offset..end]);
                }
            });
        }
    });
}

#[test]
fn threads_that_read_at_random_see_no_differing_byte() {
    for filler in [Pattern::fast(300 * CHUNK + 777), Pattern::slow(100 * CHUNK + 777)] {
        within_reason(|| {
            let memory = start(filler);
            read_at_random(&memory, 100);
            memory.wait().unwrap();
            assert_pattern(0, &memory);
        });
    }
}

#[test]
fn readers_see_no_differing_byte_while_pages_are_released() {
    within_reason(|| {
        let memory = filled(Pattern::fast(64 * CHUNK));
        let (done, releases) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    releases.fetch_add(usize::from(memory.release()), Ordering::Relaxed);
                    thread::yield_now();
                }
            });
            // On a busy machine, the readers could otherwise finish before the first release.
            while releases.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            read_at_random(&memory, 150);
            done.store(true, Ordering::Relaxed);
        });
        assert_pattern(0, &memory);
    });
}

#[test]
fn lengths_that_end_anywhere_in_a_page_are_followed_by_zeros() {
    let page = rustix::param::page_size();
    for length in [1, page - 1, page, page + 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + page + 5] {
        within_reason(move || {
            let memory = filled(Pattern::fast(length));
            assert_pattern(0, &memory);
            let whole = length.next_multiple_of(page);
            // SAFETY: memory is mapped in whole pages.
            let mapped = unsafe { std::slice::from_raw_parts(memory.as_ptr(), whole) };
            assert!(mapped[length..].iter().all(|byte| *byte == 0));
        });
    }
}

#[test]
fn no_bytes_are_allowed() {
    within_reason(|| {
        let memory = filled(Pattern::fast(0));
        assert!(memory.is_empty() && memory.release());
        assert!(memory.populate().unwrap().is_empty());
    });
}

#[test]
fn chunks_of_every_size_are_filled() {
    let page = rustix::param::page_size();
    for chunk_size in [page, 4 * page, 1 << 20, 1 << 24] {
        within_reason(move || {
            let memory = start(Pattern { chunk_size, ..Pattern::fast((3 << 20) + 123) });
            read_at_random(&memory, 20);
            memory.wait().unwrap();
            assert_pattern(0, &memory);
        });
    }
}

#[test]
fn chunk_sizes_that_are_not_a_power_of_two_or_below_a_page_are_rejected() {
    let page = rustix::param::page_size();
    for chunk_size in [0, 1, page / 2, page + 1, 3 * page, usize::MAX] {
        let refused = PagedMemory::start(Pattern { chunk_size, ..Pattern::fast(10) }, 1).unwrap_err();
        assert!(
            matches!(refused, MemoryError::ChunkSize { chunk_size: c, page_size } if (c, page_size) == (chunk_size, page)),
            "{refused:?}"
        );
    }
}

#[test]
fn absurd_lengths_are_rejected() {
    let limit = isize::MAX.unsigned_abs();
    let refused = PagedMemory::start(Pattern::fast(limit + 1), 1).unwrap_err();
    assert!(matches!(refused, MemoryError::TooLong { length, .. } if length == limit + 1), "{refused:?}");
    let refused = PagedMemory::start(Pattern::fast(1 << 50), 1).unwrap_err();
    assert!(matches!(refused, MemoryError::Map { length, .. } if length == 1 << 50), "{refused:?}");
}

#[test]
fn a_failed_chunk_is_named_and_none_of_it_is_visible() {
    within_reason(|| {
        let verdict = |index, _| if index == 5 { Err(Refused(index)) } else { Ok(()) };
        let memory = start(Faulty::new(12, verdict));
        let failure = memory.wait().unwrap_err();
        assert_eq!(failure.index, 5);
        assert!(matches!(failure.cause, FillCause::Filler(Refused(5))), "{failure:?}");
        assert!(memory[5 * CHUNK..6 * CHUNK].iter().all(|byte| *byte == 0));
        read_zero_or_right(&memory);
        assert_eq!(memory.wait().unwrap_err().index, 5);
        assert_eq!(memory.populate().unwrap_err().index, 5);
        assert!(!memory.release());
    });
}

#[test]
fn readers_waiting_when_a_chunk_fails_go_on_with_zeros() {
    within_reason(|| {
        let (sender, gate) = gate();
        let verdict = move |index, _| {
            let _ = gate.lock().unwrap().recv();
            Err(Refused(index))
        };
        let memory = start(Faulty::new(40, verdict));
        thread::scope(|scope| {
            let readers: Vec<_> = (0..8)
                .map(|n| {
                    scope.spawn({
                        let memory = &memory;
                        move || memory[n * 5 * CHUNK]
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(20));
            drop(sender);
            assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 0));
        });
        assert!(memory.wait().is_err() && memory.iter().all(|byte| *byte == 0));
    });
}

#[test]
fn readers_go_on_while_another_filler_is_stuck() {
    within_reason(|| {
        let (sender, gate) = gate();
        let verdict = move |index, _| match index {
            1 => Err(Refused(1)),
            _ => gate.lock().unwrap().recv().map_err(|_| Refused(index)),
        };
        let memory = start(Faulty::new(10, verdict));
        assert_eq!(memory.wait().unwrap_err().index, 1);
        assert!(memory.iter().all(|byte| *byte == 0), "chunk 0 is still being filled");
        drop(sender);
    });
}

#[test]
fn a_filler_that_panics_poisons_the_memory() {
    within_reason(|| {
        let memory =
            start(Faulty::new(12, |index, _| if index == 7 { panic!("bug in the filler") } else { Ok(()) }));
        let failure = memory.wait().unwrap_err();
        assert!(matches!((failure.index, &failure.cause), (7, FillCause::Panicked)), "{failure:?}");
        assert!(memory[7 * CHUNK..8 * CHUNK].iter().all(|byte| *byte == 0));
    });
}

#[test]
fn a_filler_that_panics_under_a_fault_lets_its_reader_go_on() {
    within_reason(|| {
        let memory = start(Faulty::new(3, |index, _| match index {
            2 => panic!("bug in the filler"),
            _ => {
                thread::sleep(Duration::from_millis(50));
                Ok(())
            }
        }));
        assert_eq!(memory[2 * CHUNK], 0);
        assert_eq!(memory.wait().unwrap_err().index, 2);
    });
}

#[test]
fn of_many_failures_the_first_is_always_returned() {
    within_reason(|| {
        let memory =
            start(Faulty::new(30, |index, call| if call < 4 { Ok(()) } else { Err(Refused(index)) }));
        let first = memory.wait().unwrap_err();
        read_zero_or_right(&memory);
        assert_eq!(memory.wait().unwrap_err().index, first.index);
    });
}

fn read_zero_or_right(memory: &[u8]) {
    assert!(memory.iter().enumerate().all(|(offset, byte)| *byte == 0 || *byte == expected(offset)));
}

#[test]
fn released_pages_are_gone_until_they_are_touched() {
    within_reason(|| {
        let memory = filled(Pattern::fast(20 * CHUNK));
        assert_eq!(memory.resident_bytes(), 20 * CHUNK);
        assert!(memory.release());
        assert_eq!(memory.resident_bytes(), 0);
        assert_eq!(memory[3 * CHUNK + 17], expected(3 * CHUNK + 17));
        assert_eq!(memory.resident_bytes(), CHUNK);
    });
}

#[test]
fn nothing_is_released_before_every_chunk_was_filled() {
    within_reason(|| {
        let (sender, gate) = gate();
        let memory = start(Faulty::new(20, move |index, _| {
            // The last chunk is not filled while the sender exists.
            let _ = index == 19 && gate.lock().unwrap().recv().is_ok();
            Ok(())
        }));
        assert_eq!(memory[0], expected(0));
        assert!(!memory.release());
        drop(sender);
        memory.wait().unwrap();
        assert_eq!(memory.resident_bytes(), 20 * CHUNK);
    });
}

#[test]
fn populated_memory_can_be_passed_to_a_system_call_and_is_released_afterwards() {
    within_reason(|| {
        let memory = filled(Pattern::fast(20 * CHUNK));
        memory.release();
        let target = std::fs::File::create("/dev/null").unwrap();
        assert_eq!(splice_to(&memory), Err(Some(libc::EFAULT)), "what this test rests on");
        let (first, second) = (memory.populate().unwrap(), memory.populate().unwrap());
        assert!(!memory.release());
        drop(first);
        assert_eq!((splice_to(&second), memory.resident_bytes()), (Ok(4096), 20 * CHUNK));
        assert_eq!(std::io::Write::write(&mut &target, &second).unwrap(), 20 * CHUNK);
        drop(second);
        assert_eq!(memory.resident_bytes(), 0);
    });
}

/// Writes the first 4096 bytes to a pipe, which makes the kernel read them.
fn splice_to(bytes: &[u8]) -> Result<isize, Option<i32>> {
    let pipe = std::io::pipe().unwrap();
    // SAFETY: the bytes are borrowed, and the kernel itself checks whether they are present.
    let written = unsafe { libc::write(pipe.1.as_raw_fd(), bytes.as_ptr().cast(), 4096) };
    if written < 0 { Err(std::io::Error::last_os_error().raw_os_error()) } else { Ok(written) }
}

#[test]
fn populating_without_release_changes_nothing() {
    within_reason(|| {
        let memory = start(Pattern::slow(20 * CHUNK));
        drop(memory.populate().unwrap());
        assert_eq!(memory.resident_bytes(), 20 * CHUNK);
    });
}

#[test]
fn memory_is_populated_during_reads_and_releases() {
    within_reason(|| {
        let memory = start(Pattern::fast(32 * CHUNK));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..30 {
                        let _populated = memory.populate().unwrap();
                        memory.release();
                        assert_eq!(memory.resident_bytes(), 32 * CHUNK);
                    }
                });
            }
            read_at_random(&memory, 50);
        });
    });
}

#[test]
fn pages_released_in_the_background_stay_while_populated_and_go_afterwards() {
    within_reason(|| {
        let memory = filled(Pattern::fast(60 * CHUNK));
        for _ in 0..50 {
            memory.release_in_background();
            let populated = memory.populate().unwrap();
            for _ in 0..5 {
                assert_eq!(memory.resident_bytes(), 60 * CHUNK);
            }
            drop(populated);
        }
        while memory.resident_bytes() > 0 {
            thread::yield_now();
        }
    });
}

#[test]
fn pages_brought_back_by_populating_go_again() {
    within_reason(|| {
        let memory = filled(Pattern::fast(20 * CHUNK));
        assert!(memory.release());
        drop(memory.populate().unwrap());
        assert_eq!(memory.resident_bytes(), 0);
    });
}

#[test]
fn memory_is_dropped_at_any_moment_and_from_another_thread() {
    within_reason(|| {
        for round in 0..200 {
            let memory = PagedMemory::start(Pattern::fast(64 * CHUNK), 1 + round % 3).unwrap();
            let offset = round * 7919 % memory.len();
            assert_eq!(memory[offset], expected(offset));
            thread::spawn(move || drop(memory)).join().unwrap();
        }
        drop(start(Pattern::slow(1000 * CHUNK)));
    });
}

#[test]
fn one_thread_fills_ahead_even_if_none_was_requested() {
    within_reason(|| PagedMemory::start(Pattern::fast(5 * CHUNK), 0).unwrap().wait().unwrap());
}

#[test]
fn a_forked_child_has_no_such_memory_and_drops_it_without_harm_to_the_parent() {
    within_reason(|| {
        let memory = start(Pattern::slow(50 * CHUNK));
        assert_eq!(memory[0], expected(0));
        assert_eq!(fork::peek(memory.as_ptr(), 4), Err(libc::EFAULT));
        // SAFETY: the child drops this second owner, and the parent forgets it.
        let mut second = std::mem::ManuallyDrop::new(unsafe { std::ptr::read(&raw const memory) });
        // SAFETY: this happens once, in the child, which never uses its copy of the memory
        // otherwise.
        let code = fork::exit_code(|| unsafe { std::mem::ManuallyDrop::drop(&mut second) });
        assert_eq!(code, Some(0));
        assert_pattern(0, &memory);
        memory.wait().unwrap();
    });
}

#[test]
fn releasing_in_a_forked_child_leaves_the_childs_own_memory_alone() {
    within_reason(|| {
        let memory = filled(Pattern::fast(5 * CHUNK));
        let address = memory.as_ptr().cast_mut().cast();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let code = fork::exit_code(|| {
            // SAFETY: the child has nothing there, and would get an error otherwise.
            let own =
                unsafe { libc::mmap(address, 5 * CHUNK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
            let own = own.cast::<u8>();
            // SAFETY: these pages are the child's own.
            unsafe { own.write_volatile(7) };
            memory.release();
            // SAFETY: as above.
            if unsafe { own.read_volatile() } != 7 {
                // SAFETY: it runs no handlers of the parent.
                unsafe { libc::_exit(9) };
            }
        });
        assert_eq!(code, Some(0));
        assert_pattern(0, &memory);
    });
}

#[test]
fn forks_in_another_thread_do_no_harm() {
    within_reason(|| {
        let memory = start(Pattern::slow(100 * CHUNK));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let forking = scope.spawn(|| {
                let mut forks = 0;
                while forks < 20 || !done.load(Ordering::Relaxed) {
                    assert_eq!(fork::exit_code(|| ()), Some(0));
                    forks += 1;
                }
            });
            read_at_random(&memory, 30);
            memory.wait().unwrap();
            done.store(true, Ordering::Relaxed);
            forking.join().unwrap();
        });
        assert_pattern(0, &memory);
    });
}

#[test]
fn the_memory_is_locked_as_reported_and_read_only() {
    let memory = start(Pattern::fast(3 * CHUNK));
    smaps::assert_flags(memory.as_ptr(), &[], memory.is_locked());
    assert_eq!(smaps::permissions(memory.as_ptr()).as_deref(), Some("r--p"));
}

#[test]
fn debug_shows_only_the_length() {
    let memory = start(Pattern::fast(3 * CHUNK));
    let populated = memory.populate().unwrap();
    assert_eq!(format!("{memory:?} {populated:?}"), "PagedMemory(196608 bytes) Populated(196608 bytes)");
}
