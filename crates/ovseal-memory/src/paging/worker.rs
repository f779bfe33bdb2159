//! The work of the threads that fill chunks.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::chunks::State;
use super::failure::{FillCause, caught};
use super::filler::ChunkFiller;
use super::shared::Shared;
use super::streams::Streams;
use crate::model::ModelMemory;
use crate::room::Room;

/// A thread that fills chunks in its own buffer, and places each one only after filling it
/// succeeded.
pub(super) struct Worker<'a, F: ChunkFiller> {
    shared: &'a Shared<F>,
    scratch: ModelMemory,
    /// The readers to follow while memory is short.
    streams: Streams,
    room: Option<Room>,
    measured_again_at: Instant,
}

impl<'a, F: ChunkFiller> Worker<'a, F> {
    pub(super) fn new(shared: &'a Shared<F>, scratch: ModelMemory) -> Self {
        Self { shared, scratch, streams: Streams::default(), room: None, measured_again_at: Instant::now() }
    }

    /// Answers faults until shutdown.
    pub(super) fn serve(mut self) {
        while self.shared.shutdown.wait_for(&self.shared.mapping, self.pace()) {
            self.serve_pending();
            self.follow();
            self.adapt();
            if self.shared.release.swap(false, Ordering::AcqRel) {
                self.release();
            }
        }
    }

    /// Returns the time until the next measurement of the room. `None` if there is none.
    fn pace(&self) -> Option<Duration> {
        let residency = &self.shared.residency;
        let is_needed = residency.is_bounded() && residency.bytes() > 0;
        is_needed.then(|| self.measured_again_at.saturating_duration_since(Instant::now()))
    }

    /// Measures the room if it is time, and drops what exceeds it.
    fn adapt(&mut self) {
        if self.pace() != Some(Duration::ZERO) {
            return;
        }
        let room = self.room.get_or_insert_with(Room::of_process).measure();
        if let Some(room) = room {
            self.shared.residency.adapt(room);
            self.shared.make_room(0);
        }
        self.measured_again_at = Instant::now() + time_to_use(room.unwrap_or(u64::MAX));
    }

    /// Fills chunks before their readers come to them, unless that happens anyway.
    fn follow(&mut self) {
        while let Some(index) = self.streams.next() {
            if self.has_room() || self.shared.shutdown.is_set() {
                self.streams.clear();
                return;
            }
            self.answer(index);
            self.serve_pending();
            self.adapt();
        }
    }

    /// Plans to follow the reader of a chunk, if it reads in order.
    fn note(&mut self, index: usize) {
        if !self.has_room() {
            let distance = (AHEAD / self.scratch.len()).max(1);
            let expected = self.streams.note(index, distance, self.shared.chunks.count());
            expected.for_each(|index| self.shared.filler.expect(index));
        }
    }

    /// Returns whether chunks may be filled before a reader comes near them.
    fn has_room(&self) -> bool {
        self.shared.residency.may_fill_ahead(self.scratch.len())
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
    ///
    /// Where there is no room, waits until a caller waits for every chunk. Then it only checks the
    /// chunks that were never filled.
    pub(super) fn fill_ahead(mut self, from: State) {
        while !self.shared.shutdown.is_set() && self.shared.progress.failure().is_none() {
            self.serve_pending();
            let has_room = from == State::Released || self.has_room();
            if !has_room && !self.shared.is_awaited.load(Ordering::Acquire) {
                thread::park_timeout(PAUSE);
                continue;
            }
            match self.shared.chunks.claim_next(from) {
                Some(index) if has_room => self.fill(index, from),
                Some(index) => self.check(index),
                None => return,
            }
        }
    }

    fn serve_pending(&mut self) {
        while !self.shared.shutdown.is_set()
            && let Some((offset, thread)) = self.shared.mapping.next_fault()
        {
            let index = self.shared.chunks.index(offset);
            self.shared.residency.note_reader(thread, offset);
            self.note(index);
            self.answer(index);
        }
    }

    fn answer(&mut self, index: usize) {
        match self.shared.chunks.claim_missing(index) {
            from @ (State::Absent | State::Released) => self.fill(index, from),
            // The thread that has claimed it wakes its readers afterwards.
            State::Busy => {}
            // The chunk arrived between the fault and this answer.
            State::Present => self.shared.wake(index),
        }
    }

    /// Fills a chunk that this worker has claimed in the state `from`.
    fn fill(&mut self, index: usize, from: State) {
        let (_, length) = self.shared.pages(index);
        self.shared.make_room(length);
        match self.try_fill(index) {
            Ok(()) => {
                let is_refill = self.shared.fingerprints.has(index);
                if self.shared.residency.filled(index, length, is_refill) {
                    // The thread that measures the room sleeps while there is nothing to drop.
                    self.shared.shutdown.nudge();
                }
                self.shared.chunks.publish(index, State::Present);
                if from == State::Absent {
                    self.shared.progress.count_one();
                }
            }
            Err(cause) => self.shared.fail(index, cause),
        }
    }

    /// Checks a claimed chunk that was never filled, without placing its pages.
    fn check(&mut self, index: usize) {
        match self.decrypt(index) {
            Ok(_) => {
                self.shared.chunks.publish(index, State::Released);
                // Faults that arrived during the claim were not answered.
                self.shared.wake(index);
                self.shared.progress.count_one();
            }
            Err(cause) => self.shared.fail(index, cause),
        }
    }

    fn try_fill(&mut self, index: usize) -> Result<(), FillCause<F::Error>> {
        let length = self.decrypt(index)?;
        let (offset, _) = self.shared.pages(index);
        let placed = self.shared.mapping.place(offset, &self.scratch[..length]);
        placed.map_err(|error| FillCause::Place(error.into()))
    }

    /// Writes the whole pages of a chunk to this worker's own memory, and returns their length.
    fn decrypt(&mut self, index: usize) -> Result<usize, FillCause<F::Error>> {
        let length = self.shared.chunks.range(index).len();
        let (_, padded_length) = self.shared.pages(index);
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
        Ok(padded_length)
    }
}

/// Returns the time in which a process could use up `room` bytes, within limits.
fn time_to_use(room: u64) -> Duration {
    Duration::from_nanos(room / BYTES_PER_NANOSECOND).clamp(SHORTEST_PACE, LONGEST_PACE)
}

/// The bytes filled ahead of a reader in order while memory is short.
const AHEAD: usize = 2 << 20;

/// More than a process uses in that time.
const BYTES_PER_NANOSECOND: u64 = 4;

const SHORTEST_PACE: Duration = Duration::from_millis(2);
const LONGEST_PACE: Duration = Duration::from_secs(1);

/// The time after which a thread that may not fill ahead looks again.
const PAUSE: Duration = Duration::from_millis(100);

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
