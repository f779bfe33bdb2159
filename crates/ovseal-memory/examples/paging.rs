//! Measures how fast memory is filled ahead and on demand, compared with filling it up front.
//!
//! `cargo run --release --example paging -p ovseal-memory [MIB] [ROUNDS]` prints the median of the
//! rounds, in GB/s and ms. The filler copies from a buffer, so this measures the cost of the pages
//! without that of a cipher.
#![expect(clippy::print_stdout, reason = "it prints its measurements")]

use std::convert::Infallible;
use std::env;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ovseal_memory::{ChunkFiller, ModelMemory, PagedMemory};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let mut numbers = env::args().skip(1).map(|argument| argument.parse::<usize>());
    let length = numbers.next().transpose()?.unwrap_or(1024) << 20;
    let rounds = numbers.next().transpose()?.unwrap_or(5);
    println!("{} MiB, median of {rounds} rounds", length >> 20);
    let source: Arc<[u8]> = (0..SOURCE).map(|i| i as u8 | 1).collect();
    for (name, measure) in MEASURES {
        for chunk_size in [256 << 10, 1 << 20] {
            for threads in [1, 2] {
                let copy = || Copy { source: Arc::clone(&source), chunk_size, length };
                let times: Vec<_> = (0..rounds).map(|_| measure(copy(), threads)).collect::<Outcome<_>>()?;
                report(name, chunk_size, threads, length, times);
            }
        }
    }
    Ok(())
}

fn report(name: &str, chunk_size: usize, threads: usize, length: usize, mut times: Vec<Duration>) {
    times.sort_unstable();
    let median = times[times.len() / 2].as_secs_f64();
    let (speed, milliseconds) = (length as f64 / median / 1e9, median * 1e3);
    let chunk = chunk_size >> 10;
    println!("{name:44} chunk {chunk:4} KiB  threads {threads}  {speed:6.2} GB/s {milliseconds:8.1} ms");
}

/// Fills each chunk with a copy of bytes in memory.
struct Copy {
    source: Arc<[u8]>,
    chunk_size: usize,
    length: usize,
}

impl ChunkFiller for Copy {
    type Error = Infallible;

    fn chunk_size(&self) -> usize {
        self.chunk_size
    }

    fn length(&self) -> usize {
        self.length
    }

    fn fill(&self, index: usize, chunk: &mut [u8]) -> Result<(), Infallible> {
        let start = index * self.chunk_size % SOURCE;
        chunk.copy_from_slice(&self.source[start..start + chunk.len()]);
        Ok(())
    }
}

/// Only copies, to pages that are already present.
fn copies_alone(copy: Copy, threads: usize) -> Outcome<Duration> {
    let mut memory = ModelMemory::zeroed(copy.length)?;
    memory.fill(1);
    Ok(fill_with(&copy, &mut memory, threads))
}

fn eager(copy: Copy, threads: usize) -> Outcome<Duration> {
    let mut memory = ModelMemory::zeroed(copy.length)?;
    Ok(fill_with(&copy, &mut memory, threads))
}

fn eager_then_read(copy: Copy, threads: usize) -> Outcome<Duration> {
    let begin = Instant::now();
    let mut memory = ModelMemory::zeroed(copy.length)?;
    fill_with(&copy, &mut memory, threads);
    read(&memory);
    Ok(begin.elapsed())
}

fn fill_with(copy: &Copy, memory: &mut [u8], threads: usize) -> Duration {
    let begin = Instant::now();
    let share = memory.len().div_ceil(threads).next_multiple_of(copy.chunk_size);
    thread::scope(|scope| {
        for part in memory.chunks_mut(share) {
            scope.spawn(move || {
                for (index, chunk) in part.chunks_mut(copy.chunk_size).enumerate() {
                    let Ok(()) = copy.fill(index, chunk);
                }
            });
        }
    });
    begin.elapsed()
}

fn ahead(copy: Copy, threads: usize) -> Outcome<Duration> {
    let begin = Instant::now();
    let memory = PagedMemory::start(copy, threads)?;
    memory.wait()?;
    Ok(begin.elapsed())
}

/// A reader that starts at once.
fn ahead_while_read(copy: Copy, threads: usize) -> Outcome<Duration> {
    let begin = Instant::now();
    let memory = PagedMemory::start(copy, threads)?;
    read(&memory);
    memory.wait()?;
    Ok(begin.elapsed())
}

/// A reader that starts at once with the last chunk.
fn ahead_while_read_backwards(copy: Copy, threads: usize) -> Outcome<Duration> {
    let begin = Instant::now();
    let chunk_size = copy.chunk_size;
    let memory = PagedMemory::start(copy, threads)?;
    memory.rchunks(chunk_size).for_each(read);
    memory.wait()?;
    Ok(begin.elapsed())
}

/// Every chunk through the one thread that serves faults.
fn on_demand_only(copy: Copy, threads: usize) -> Outcome<Duration> {
    let memory = PagedMemory::start(copy, threads)?;
    memory.wait()?;
    memory.release();
    let begin = Instant::now();
    read(&memory);
    Ok(begin.elapsed())
}

fn populate(copy: Copy, threads: usize) -> Outcome<Duration> {
    let memory = PagedMemory::start(copy, threads)?;
    memory.wait()?;
    memory.release();
    let begin = Instant::now();
    drop(memory.populate()?);
    Ok(begin.elapsed())
}

fn release(copy: Copy, threads: usize) -> Outcome<Duration> {
    let memory = PagedMemory::start(copy, threads)?;
    memory.wait()?;
    let begin = Instant::now();
    memory.release();
    Ok(begin.elapsed())
}

fn drop_paged(copy: Copy, threads: usize) -> Outcome<Duration> {
    let memory = PagedMemory::start(copy, threads)?;
    memory.wait()?;
    let begin = Instant::now();
    drop(memory);
    Ok(begin.elapsed())
}

fn drop_eager(copy: Copy, threads: usize) -> Outcome<Duration> {
    let mut memory = ModelMemory::zeroed(copy.length)?;
    fill_with(&copy, &mut memory, threads);
    let begin = Instant::now();
    drop(memory);
    Ok(begin.elapsed())
}

/// Touches each line of 64 bytes once.
fn read(memory: &[u8]) {
    let sum = memory.chunks_exact(64).fold(0_u64, |sum, line| sum.wrapping_add(u64::from(line[0])));
    std::hint::black_box(sum);
}

type Measure = fn(Copy, usize) -> Outcome<Duration>;

const MEASURES: [(&str, Measure); 11] = [
    ("copies alone, pages present", copies_alone),
    ("ModelMemory, filled", eager),
    ("ModelMemory, filled, then read", eager_then_read),
    ("PagedMemory, filled ahead", ahead),
    ("PagedMemory, read while filled", ahead_while_read),
    ("PagedMemory, read backwards while filled", ahead_while_read_backwards),
    ("PagedMemory, released, then read", on_demand_only),
    ("PagedMemory, released, then populated", populate),
    ("PagedMemory, release", release),
    ("PagedMemory, drop", drop_paged),
    ("ModelMemory, drop", drop_eager),
];

/// Bytes that are copied again and again: more than fit in the caches.
const SOURCE: usize = 64 << 20;
