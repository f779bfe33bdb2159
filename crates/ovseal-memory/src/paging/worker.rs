//! The work of the threads that fill chunks.

use std::sync::atomic::Ordering;

use super::chunks::State;
use super::failure::{FillCause, caught};
use super::filler::ChunkFiller;
use super::shared::Shared;
use crate::model::ModelMemory;

/// A thread that fills chunks in its own buffer, and places each one only after filling it
/// succeeded.
pub(super) struct Worker<'a, F: ChunkFiller> {
    shared: &'a Shared<F>,
    scratch: ModelMemory,
}

impl<'a, F: ChunkFiller> Worker<'a, F> {
    pub(super) fn new(shared: &'a Shared<F>, scratch: ModelMemory) -> Self {
        Self { shared, scratch }
    }

    /// Answers faults until shutdown.
    pub(super) fn serve(mut self) {
        while self.shared.shutdown.wait_for(&self.shared.mapping) {
            self.serve_pending();
            if self.shared.release.swap(false, Ordering::AcqRel) {
                self.release();
            }
        }
    }

    /// Releases all pages if every chunk has been filled. Faults are also served first here.
    ///
    /// Stops as soon as the pages are pinned.
    fn release(&mut self) {
        if !self.shared.progress.is_complete() {
            return;
        }
        for index in 0..self.shared.chunks.count() {
            self.serve_pending();
            if !self.shared.pins.unless_pinned(|| self.shared.discard(index)) {
                return;
            }
        }
    }

    /// Fills all chunks in the state `from`, in order. Faults are served first, because readers are
    /// waiting.
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
            // The thread that has claimed it wakes its readers afterwards.
            State::Busy => {}
            // The chunk arrived between the fault and this answer.
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
        let (offset, padded_length) = self.shared.pages(index);
        let (chunk, rest) = self.scratch[..padded_length].split_at_mut(length);
        let filler = &self.shared.filler;
        // A panicking filler is not used again for this chunk, and the buffer is overwritten before
        // it is read.
        let filled = caught(|| {
            // A fingerprint is a stronger check than the digest that `refill` skips.
            if self.shared.fingerprints.has(index) {
                filler.refill(index, chunk)
            } else {
                filler.fill(index, chunk)
            }
        });
        filled.ok_or(FillCause::Panicked)?.map_err(FillCause::Filler)?;
        if !self.shared.fingerprints.is_same(index, chunk) {
            return Err(FillCause::Changed);
        }
        // The rest of the buffer still holds the end of an earlier chunk.
        rest.fill(0);
        let placed = self.shared.mapping.place(offset, &self.scratch[..padded_length]);
        placed.map_err(|error| FillCause::Place(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::paging::exit_with_line;
    use crate::sys::{Uffd, resident_bytes};

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

    fn shared() -> Shared<Ones> {
        Shared::new(Uffd::open(), Ones, exit_with_line).unwrap()
    }

    fn resident(shared: &Shared<Ones>) -> usize {
        // SAFETY: the mapping has these bytes. None of them is read.
        resident_bytes(unsafe {
            std::slice::from_raw_parts(shared.mapping.address().as_ptr(), shared.length)
        })
    }

    #[test]
    fn a_chunk_that_is_being_filled_is_not_discarded() {
        let shared = shared();
        assert_eq!(shared.chunks.claim_missing(0), State::Absent);
        shared.mapping.place(0, &[1; CHUNK]).unwrap();
        shared.discard(0);
        assert_eq!((shared.chunks.claim_missing(0), resident(&shared)), (State::Busy, CHUNK));
        shared.chunks.publish(0, State::Present);
        shared.discard(0);
        assert_eq!((shared.chunks.claim_missing(0), resident(&shared)), (State::Released, 0));
    }

    #[test]
    fn filling_ahead_leaves_released_chunks_alone() {
        let shared = shared();
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
