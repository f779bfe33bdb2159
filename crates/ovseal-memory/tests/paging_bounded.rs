//! Bounded memory shows the right bytes too, stays within its limit, and misses no bad chunk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/fillers.rs"]
mod fillers;
mod support;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use fillers::{CHUNK, Faulty, Pattern, Random, Refused, assert_pattern, expected};
use ovseal_memory::{ChunkFiller, FillCause, Layout, PagedMemory};
use support::patience::within_reason;

/// Starts memory of which at most `budget` bytes are kept.
fn bounded<F: ChunkFiller>(filler: F, layout: Layout, budget: usize) -> PagedMemory<F> {
    let memory = PagedMemory::start(filler, 1).unwrap();
    memory.bound(layout, Some(budget)).unwrap();
    memory
}

fn tensors(tensors: Vec<Range<usize>>) -> Layout {
    Layout::new(tensors, Vec::new())
}

/// Reads single bytes and short runs from `threads` threads at once, `reads` times each.
fn read_at_random(memory: &[u8], threads: u64, reads: usize) {
    thread::scope(|scope| {
        for seed in 1..=threads {
            scope.spawn(move || {
                let mut random = Random(seed * 0x1234_5678_9ABC_DEF1);
                for _ in 0..reads {
                    let offset = random.below(memory.len());
                    assert_eq!(memory[offset], expected(offset));
                    let near = (offset + random.below(2 * CHUNK)).min(memory.len() - 1);
                    assert_eq!(memory[near], expected(near));
                }
            });
        }
    });
}

#[test]
fn a_million_random_reads_within_a_mebibyte_see_no_differing_byte() {
    within_reason(|| {
        let memory =
            bounded(Pattern::fast((24 << 20) + 777), tensors(vec![0..5 << 20, 5 << 20..6 << 20]), MEBIBYTE);
        // Most reads are near each other, so that the test takes seconds.
        thread::scope(|scope| {
            for seed in 1..=8_u64 {
                let memory = &memory;
                scope.spawn(move || {
                    let mut random = Random(seed * 0x1234_5678_9ABC_DEF1);
                    for _ in 0..reads() / 8 / 64 {
                        let start = random.below(memory.len() - CHUNK);
                        for _ in 0..64 {
                            let offset = start + random.below(CHUNK);
                            assert_eq!(memory[offset], expected(offset));
                        }
                    }
                });
            }
        });
        assert!(memory.refilled_chunks() > 1000, "{}", memory.refilled_chunks());
        memory.wait().unwrap();
        assert_pattern(0, &memory);
    });
}

#[test]
fn pages_stay_within_the_budget_once_readers_are_done() {
    within_reason(|| {
        let memory = bounded(Pattern::fast(16 << 20), Layout::default(), 2 * MEBIBYTE);
        assert_pattern(0, &memory);
        assert!(memory.resident_bytes() <= 2 * MEBIBYTE + CHUNK, "{}", memory.resident_bytes());
        memory.wait().unwrap();
        assert_pattern(0, &memory);
        assert!(memory.resident_bytes() <= 2 * MEBIBYTE + CHUNK, "{}", memory.resident_bytes());
    });
}

#[test]
fn chunks_without_room_are_only_checked() {
    within_reason(|| {
        let memory = bounded(Pattern::fast(32 << 20), Layout::default(), 2 * MEBIBYTE);
        memory.wait().unwrap();
        assert!(memory.resident_bytes() < 20 * MEBIBYTE, "{}", memory.resident_bytes());
        read_at_random(&memory, 2, 50);
        // Chunks that are being filled ahead of a reader stay.
        while memory.resident_bytes() > 0 {
            assert!(memory.release());
        }
        assert_pattern(0, &memory);
    });
}

#[test]
fn a_tensor_in_use_stays_although_it_is_larger_than_the_budget() {
    within_reason(|| {
        let memory = bounded(Pattern::fast(8 << 20), tensors(vec![0..4 << 20, 4 << 20..8 << 20]), MEBIBYTE);
        for _ in 0..3 {
            assert_pattern(0, &memory[..4 << 20]);
        }
        assert_eq!(memory.refilled_chunks(), 0);
    });
}

#[test]
fn eight_readers_at_different_offsets_and_a_transposed_one_see_the_right_bytes() {
    within_reason(|| {
        let length = 8 * MEBIBYTE;
        let memory =
            bounded(Pattern::fast(length), tensors(vec![0..length / 2, length / 2..length]), MEBIBYTE);
        thread::scope(|scope| {
            for reader in 0..8 {
                let memory = &memory;
                scope.spawn(move || {
                    assert_pattern(reader * MEBIBYTE, &memory[reader * MEBIBYTE..][..MEBIBYTE])
                });
            }
            scope.spawn(|| {
                for column in (0..CHUNK).step_by(CHUNK / 4) {
                    for row in 0..length / CHUNK {
                        let offset = row * CHUNK + column;
                        assert_eq!(memory[offset], expected(offset));
                    }
                }
            });
        });
        memory.wait().unwrap();
    });
}

#[test]
fn kept_pages_stay_when_their_chunk_leaves() {
    within_reason(|| {
        let page = rustix::param::page_size();
        let kept = vec![CHUNK + 5..CHUNK + 6, 3 * CHUNK - 1..3 * CHUNK + 1];
        let memory = PagedMemory::start(Pattern::fast(6 * CHUNK), 1).unwrap();
        memory.wait().unwrap();
        memory.bound(Layout::new(Vec::new(), kept), None).unwrap();
        assert!(memory.release());
        assert_eq!(memory.resident_bytes(), 3 * page);
        assert_pattern(0, &memory);
    });
}

#[test]
fn a_chunk_filled_a_thousand_times_does_not_hide_a_bad_one() {
    within_reason(|| {
        let (chunks, is_open) = (64, Arc::new(AtomicBool::new(false)));
        let last = chunks - 1;
        let gate = Arc::clone(&is_open);
        let verdict = move |index, _| {
            while index == last && !gate.load(Ordering::Acquire) {
                thread::yield_now();
            }
            if index == last { Err(Refused(index)) } else { Ok(()) }
        };
        let memory = bounded(Faulty::new(chunks, verdict), Layout::default(), 2 * CHUNK);
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let result = memory.wait();
                is_done.store(true, Ordering::Release);
                result
            });
            while memory.refilled_chunks() < 1000 {
                for index in 0..4 {
                    assert_eq!(memory[index * CHUNK], expected(index * CHUNK));
                }
            }
            assert!(!is_done.load(Ordering::Acquire));
            is_open.store(true, Ordering::Release);
            let failure = waiter.join().unwrap().unwrap_err();
            assert!(
                matches!((failure.index, &failure.cause), (63, FillCause::Filler(Refused(63)))),
                "{failure:?}"
            );
        });
    });
}

#[test]
fn after_a_failure_dropped_chunks_are_filled_again_and_others_are_zero() {
    within_reason(|| {
        let chunks = 64;
        let is_open = Arc::new(AtomicBool::new(true));
        let gate = Arc::clone(&is_open);
        let verdict = move |index, _| {
            if index < 32 || gate.load(Ordering::Acquire) { Ok(()) } else { Err(Refused(index)) }
        };
        let memory = bounded(Faulty::new(chunks, verdict), Layout::default(), 2 * CHUNK);
        // Chunks before the ninth are read in order, and dropped behind the reader.
        assert_pattern(0, &memory[..8 * CHUNK]);
        is_open.store(false, Ordering::Release);
        assert!(memory.wait().is_err());
        assert_pattern(0, &memory[..8 * CHUNK]);
        assert!(
            memory[32 * CHUNK..]
                .iter()
                .enumerate()
                .all(|(i, byte)| *byte == 0 || *byte == expected(32 * CHUNK + i))
        );
        assert_eq!(memory[63 * CHUNK], 0);
    });
}

#[test]
fn memory_is_populated_and_released_under_a_bound() {
    within_reason(|| {
        let memory = bounded(Pattern::fast(64 * CHUNK), Layout::default(), 8 * CHUNK);
        let readings = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                read_at_random(&memory, 3, 300);
                readings.store(1, Ordering::Release);
            });
            while readings.load(Ordering::Acquire) == 0 {
                let populated = memory.populate().unwrap();
                assert_eq!(memory.resident_bytes(), 64 * CHUNK);
                drop(populated);
                memory.release();
            }
        });
        assert_pattern(0, &memory);
    });
}

const MEBIBYTE: usize = 1 << 20;

/// Returns the number of random reads in a test: a million, or more in `cargo xtask soak`.
fn reads() -> usize {
    std::env::var("OVSEAL_SOAK_READS").map_or(1_000_000, |number| number.parse().unwrap())
}
