//! What the threads do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::ChunkFiller;
use super::chunks::{Chunks, State};
use super::failure::{FillCause, FillFailure, end_process};
use super::fingerprints::Fingerprints;
use super::mapping::FaultMapping;
use super::pins::Pins;
use super::progress::Progress;
use super::shutdown::Shutdown;
use crate::error::MemoryError;
use crate::mapping::page_size;
use crate::model::ModelMemory;

/// What all threads of one mapping see.
pub(super) struct Shared<F: ChunkFiller> {
    pub(super) filler: F,
    pub(super) mapping: FaultMapping,
    pub(super) chunks: Chunks,
    pub(super) fingerprints: Fingerprints,
    pub(super) progress: Progress<F::Error>,
    pub(super) pins: Pins,
    pub(super) shutdown: Shutdown,
    /// Whether the thread that serves faults is to give all pages back.
    pub(super) release: AtomicBool,
    pub(super) chunk_size: usize,
    pub(super) length: usize,
}

/// Fills chunks in memory of its own before it puts them in place, so nobody sees a chunk before it is known to be good.
pub(super) struct Worker<'a, F: ChunkFiller> {
    shared: &'a Shared<F>,
    scratch: ModelMemory,
}

impl<F: ChunkFiller> Shared<F> {
    /// All bytes. Whoever reads a page that is missing waits for it.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping has at least `length` readable bytes, borrowed with `self`. A missing page makes its
        // reader wait until it is there, with the filler's bytes or zeros. Once read it never differs: only chunks
        // with a fingerprint are discarded, and only bytes with the same one are put in their place.
        unsafe { std::slice::from_raw_parts(self.mapping.address().as_ptr(), self.length) }
    }

    /// Memory in which one thread fills chunks.
    pub(super) fn scratch(&self) -> Result<ModelMemory, MemoryError> {
        ModelMemory::zeroed(self.chunk_size)
    }

    /// Gives the pages of a chunk back to the kernel, if all of them are there and nobody is at work on it.
    ///
    /// In a forked child nothing is done: what stands there is the child's.
    pub(super) fn discard(&self, index: usize) {
        if self.mapping.is_inherited() || self.chunks.claim(index, State::Present) != State::Present {
            return;
        }
        let is_dropped = self.fingerprint(index) && self.drop_pages(index);
        self.chunks.publish(index, if is_dropped { State::Released } else { State::Present });
        // Faults that came between were not answered.
        self.wake(index);
    }

    /// Remembers what a claimed chunk looks like, and returns whether that is done.
    fn fingerprint(&self, index: usize) -> bool {
        self.fingerprints.remember(index, &self.bytes()[self.chunks.range(index)])
    }

    fn drop_pages(&self, index: usize) -> bool {
        let (offset, length) = self.pages(index);
        // SAFETY: the chunk has a fingerprint, and `try_fill` puts nothing in its place that has another one.
        unsafe { self.mapping.discard(offset, length) }.is_ok()
    }

    fn wake(&self, index: usize) {
        let (offset, length) = self.pages(index);
        // It fails only when nobody can wait there any more.
        let _ = self.mapping.wake(offset, length);
    }

    /// Offset and length of the pages of a chunk. The last page may reach beyond the last byte.
    fn pages(&self, index: usize) -> (usize, usize) {
        let range = self.chunks.range(index);
        (range.start, range.len().next_multiple_of(page_size()))
    }

    /// Lets all readers go on with zeros at the first failure; ends the process when chunks had been good before.
    fn fail(&self, index: usize, cause: FillCause<F::Error>) {
        let failure = FillFailure { index, cause };
        if self.progress.is_complete() {
            end_process(&self.late_failure_line(&failure));
        }
        if self.progress.fail(failure) {
            if self.mapping.open_up().is_err() {
                end_process("readers of memory that cannot be filled cannot be released");
            }
            self.shutdown.set();
        }
    }

    fn late_failure_line(&self, failure: &FillFailure<F::Error>) -> String {
        let line = catch_unwind(AssertUnwindSafe(|| self.filler.late_failure_line(failure)));
        line.unwrap_or_else(|_| failure.to_string())
    }
}

impl<'a, F: ChunkFiller> Worker<'a, F> {
    pub(super) fn new(shared: &'a Shared<F>, scratch: ModelMemory) -> Self {
        Self { shared, scratch }
    }

    /// Answers faults until it is stopped.
    pub(super) fn serve(mut self) {
        while self.shared.shutdown.wait_for(&self.shared.mapping) {
            self.serve_pending();
            if self.shared.release.swap(false, Ordering::AcqRel) {
                self.release();
            }
        }
    }

    /// Gives all pages back if every chunk was filled once, until somebody wants to keep them. A fault comes first here too.
    fn release(&mut self) {
        if !self.shared.progress.is_complete() {
            return;
        }
        for index in 0..self.shared.chunks.count() {
            self.serve_pending();
            if !self.shared.pins.unless_taken(|| self.shared.discard(index)) {
                return;
            }
        }
    }

    /// Fills all chunks in the state `from`, in order. A fault comes first: its reader does nothing meanwhile.
    pub(super) fn fill_ahead(mut self, from: State) {
        while !self.shared.shutdown.is_set() {
            self.serve_pending();
            match self.shared.chunks.claim_next(from) {
                Some(index) => self.fill(index),
                None => return,
            }
        }
    }

    fn serve_pending(&mut self) {
        while !self.shared.shutdown.is_set()
            && let Some(offset) = self.shared.mapping.next_fault()
        {
            self.answer(self.shared.chunks.index(offset));
        }
    }

    fn answer(&mut self, index: usize) {
        match self.shared.chunks.claim_missing(index) {
            State::Absent | State::Released => self.fill(index),
            // Whoever is busy with it wakes its readers afterwards.
            State::Busy => {}
            // It came between the fault and this answer.
            State::Present => self.shared.wake(index),
        }
    }

    /// Fills a chunk that this worker has claimed.
    fn fill(&mut self, index: usize) {
        match self.try_fill(index) {
            Ok(()) => {
                self.shared.chunks.publish(index, State::Present);
                self.shared.progress.count_one();
            }
            Err(cause) => self.shared.fail(index, cause),
        }
    }

    fn try_fill(&mut self, index: usize) -> Result<(), FillCause<F::Error>> {
        let length = self.shared.chunks.range(index).len();
        let (offset, whole) = self.shared.pages(index);
        let (chunk, rest) = self.scratch[..whole].split_at_mut(length);
        let filler = &self.shared.filler;
        let filled = catch_unwind(AssertUnwindSafe(|| match self.shared.fingerprints.has(index) {
            true => filler.refill(index, chunk),
            false => filler.fill(index, chunk),
        }));
        match filled {
            Ok(filled) => filled.map_err(FillCause::Filler)?,
            Err(panic) => {
                // What was thrown may panic again when it is dropped.
                std::mem::forget(panic);
                return Err(FillCause::Panicked);
            }
        }
        if !self.shared.fingerprints.is_same(index, chunk) {
            return Err(FillCause::Changed);
        }
        rest.fill(0);
        let placed = self.shared.mapping.place(offset, &self.scratch[..whole]);
        placed.map_err(|error| FillCause::Place(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::paging::share;
    use crate::paging::uffd::Uffd;
    use crate::residency::resident_bytes;

    struct Ones;

    impl ChunkFiller for Ones {
        type Error = Infallible;

        fn chunk_size(&self) -> usize {
            CHUNK
        }

        fn length(&self) -> usize {
            2 * CHUNK
        }

        fn fill(&self, _index: usize, chunk: &mut [u8]) -> Result<(), Infallible> {
            chunk.fill(1);
            Ok(())
        }
    }

    fn resident(shared: &Shared<Ones>) -> usize {
        // SAFETY: the mapping has these bytes; none of them is read.
        resident_bytes(unsafe {
            std::slice::from_raw_parts(shared.mapping.address().as_ptr(), shared.length)
        })
    }

    #[test]
    fn a_chunk_that_someone_is_at_work_on_is_not_discarded() {
        let shared = share(Uffd::open(), Ones).unwrap();
        assert_eq!(shared.chunks.claim_missing(0), State::Absent);
        shared.mapping.place(0, &[1; CHUNK]).unwrap();
        shared.discard(0);
        assert_eq!((shared.chunks.claim_missing(0), resident(&shared)), (State::Busy, CHUNK));
        shared.chunks.publish(0, State::Present);
        shared.discard(0);
        assert_eq!((shared.chunks.claim_missing(0), resident(&shared)), (State::Released, 0));
    }

    #[test]
    fn those_who_fill_ahead_leave_released_chunks_alone() {
        let shared = share(Uffd::open(), Ones).unwrap();
        Worker::new(&shared, shared.scratch().unwrap()).fill_ahead(State::Absent);
        assert!(shared.progress.is_complete());
        shared.discard(1);
        Worker::new(&shared, shared.scratch().unwrap()).fill_ahead(State::Absent);
        assert_eq!(resident(&shared), CHUNK);
        Worker::new(&shared, shared.scratch().unwrap()).fill_ahead(State::Released);
        assert_eq!(resident(&shared), 2 * CHUNK);
    }

    const CHUNK: usize = 1 << 16;
}
