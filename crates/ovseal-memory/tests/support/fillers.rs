//! Fillers that work, wait, fail and panic.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ovseal_memory::ChunkFiller;

/// Writes known bytes after `delay`.
pub(crate) struct Pattern {
    pub(crate) length: usize,
    pub(crate) chunk_size: usize,
    pub(crate) delay: Duration,
}

impl Pattern {
    pub(crate) fn fast(length: usize) -> Self {
        Self { length, chunk_size: CHUNK, delay: Duration::ZERO }
    }

    pub(crate) fn slow(length: usize) -> Self {
        Self { delay: Duration::from_millis(2), ..Self::fast(length) }
    }
}

impl ChunkFiller for Pattern {
    type Error = Infallible;

    fn chunk_size(&self) -> usize {
        self.chunk_size
    }

    fn length(&self) -> usize {
        self.length
    }

    fn fill(&self, index: usize, chunk: &mut [u8]) -> Result<(), Infallible> {
        std::thread::sleep(self.delay);
        write_pattern(index * self.chunk_size, chunk);
        Ok(())
    }
}

/// Fills the chunk, then returns the `verdict` for its index and the number of earlier calls.
pub(crate) struct Faulty<V> {
    pub(crate) length: usize,
    pub(crate) verdict: V,
    pub(crate) calls: AtomicUsize,
}

impl<V> Faulty<V> {
    pub(crate) fn new(chunks: usize, verdict: V) -> Self {
        Self { length: chunks * CHUNK, verdict, calls: AtomicUsize::new(0) }
    }
}

impl<V> ChunkFiller for Faulty<V>
where
    V: Fn(usize, usize) -> Result<(), Refused> + Send + Sync + 'static,
{
    type Error = Refused;

    fn chunk_size(&self) -> usize {
        CHUNK
    }

    fn length(&self) -> usize {
        self.length
    }

    fn fill(&self, index: usize, chunk: &mut [u8]) -> Result<(), Refused> {
        write_pattern(index * CHUNK, chunk);
        (self.verdict)(index, self.calls.fetch_add(1, Ordering::Relaxed))
    }
}

/// The error of a [`Faulty`] filler.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tag\nof chunk {0} is wrong")]
pub(crate) struct Refused(pub(crate) usize);

/// Returns the byte at `offset`: never zero, and different in neighbouring bytes, pages and chunks.
pub(crate) fn expected(offset: usize) -> u8 {
    let mixed = (offset as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
    mixed as u8 | 1
}

pub(crate) fn assert_pattern(start: usize, bytes: &[u8]) {
    let differing = bytes.iter().enumerate().find(|(i, byte)| **byte != expected(start + i));
    assert_eq!(differing.map(|(i, byte)| (start + i, *byte)), None);
}

fn write_pattern(start: usize, bytes: &mut [u8]) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = expected(start + i);
    }
}

/// Pseudorandom numbers (`xorshift64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Bytes in a chunk: the smallest size that is at least a page everywhere.
pub(crate) const CHUNK: usize = 1 << 16;
