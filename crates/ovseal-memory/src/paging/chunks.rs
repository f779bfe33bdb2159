//! The state of each chunk, and the right to work on it.

use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// The states of all chunks.
///
/// A thread that claims a chunk works on it alone until it publishes a new state. It wakes the
/// chunk's readers *after* publishing the state, or after placing the pages. So a fault on a
/// claimed chunk needs no answer.
#[derive(Debug)]
pub(super) struct Chunks {
    states: Box<[AtomicU8]>,
    chunk_size: usize,
    length: usize,
    next: AtomicUsize,
}

/// The state of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// The chunk is not known to be good, and no thread is working on it.
    Absent,
    /// One thread has claimed it.
    Busy,
    /// All pages of the chunk are in memory.
    Present,
    /// The chunk was good before, and some or all of its pages are not in memory now.
    Released,
}

impl Chunks {
    /// Divides `length` bytes into chunks of `chunk_size`, the last one shorter, all absent.
    pub(super) fn new(length: usize, chunk_size: usize) -> Self {
        let states = (0..length.div_ceil(chunk_size)).map(|_| AtomicU8::new(State::Absent as u8)).collect();
        Self { states, chunk_size, length, next: AtomicUsize::new(0) }
    }

    /// Returns the number of chunks.
    pub(super) fn count(&self) -> usize {
        self.states.len()
    }

    /// Returns the byte range of a chunk in the mapping.
    pub(super) fn range(&self, index: usize) -> Range<usize> {
        let start = index * self.chunk_size;
        start..(start + self.chunk_size).min(self.length)
    }

    /// Returns the index of the chunk with the byte at `offset`.
    pub(super) fn index(&self, offset: usize) -> usize {
        offset / self.chunk_size
    }

    /// Claims the chunk if its state is `from`, and returns its previous state.
    ///
    /// Chunks past the end count as present.
    pub(super) fn claim(&self, index: usize, from: State) -> State {
        let Some(state) = self.states.get(index) else { return State::Present };
        let claimed =
            state.compare_exchange(from as u8, State::Busy as u8, Ordering::AcqRel, Ordering::Acquire);
        State::from(claimed.unwrap_or_else(|other| other))
    }

    /// Returns whether the chunk is present now.
    pub(super) fn is_present(&self, index: usize) -> bool {
        self.states.get(index).is_some_and(|state| state.load(Ordering::Relaxed) == State::Present as u8)
    }

    /// Claims the chunk if it is absent or released, and returns its previous state.
    pub(super) fn claim_missing(&self, index: usize) -> State {
        match self.claim(index, State::Absent) {
            State::Released => self.claim(index, State::Released),
            other => other,
        }
    }

    /// Claims the next chunk in the state `from`, wrapping around at the end. `None` if none is
    /// left.
    pub(super) fn claim_next(&self, from: State) -> Option<usize> {
        let start = self.next.load(Ordering::Relaxed);
        let mut order = (start..self.count()).chain(0..start);
        let index = order.find(|index| self.claim(*index, from) == from)?;
        // This fails if another thread has already moved on.
        let _ = self.next.compare_exchange(start, index + 1, Ordering::Relaxed, Ordering::Relaxed);
        Some(index)
    }

    /// Ends a claim.
    pub(super) fn publish(&self, index: usize, state: State) {
        if let Some(slot) = self.states.get(index) {
            slot.store(state as u8, Ordering::Release);
        }
    }
}

impl From<u8> for State {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Absent,
            1 => Self::Busy,
            2 => Self::Present,
            _ => Self::Released,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_chunk_is_shorter() {
        let chunks = Chunks::new(2 * 4096 + 1, 4096);
        assert_eq!([0, 1, 2].map(|index| chunks.range(index)), [0..4096, 4096..8192, 8192..8193]);
        assert_eq!(
            (chunks.count(), Chunks::new(0, 4096).count(), Chunks::new(4096, 4096).count()),
            (3, 0, 1)
        );
        assert_eq!([0, 4095, 4096, 8192].map(|offset| chunks.index(offset)), [0, 0, 1, 2]);
    }

    #[test]
    fn a_chunk_has_one_claimant() {
        let chunks = Chunks::new(4096, 4096);
        assert_eq!(chunks.claim(0, State::Absent), State::Absent);
        assert_eq!(chunks.claim(0, State::Absent), State::Busy);
        assert_eq!(chunks.claim(0, State::Present), State::Busy);
        chunks.publish(0, State::Present);
        assert_eq!(chunks.claim(0, State::Absent), State::Present);
        assert_eq!(chunks.claim(0, State::Present), State::Present);
        assert_eq!(chunks.claim(0, State::Present), State::Busy);
    }

    #[test]
    fn past_the_end_nothing_is_claimed() {
        assert_eq!(Chunks::new(4096, 4096).claim(1, State::Absent), State::Present);
        assert_eq!(Chunks::new(0, 4096).claim_next(State::Absent), None);
    }

    #[test]
    fn chunks_are_claimed_in_order_and_each_once() {
        let chunks = Chunks::new(6 * 4096, 4096);
        assert_eq!(chunks.claim_next(State::Absent), Some(0));
        assert_eq!(chunks.claim(3, State::Absent), State::Absent);
        let rest: Vec<_> = std::iter::from_fn(|| chunks.claim_next(State::Absent)).collect();
        assert_eq!(rest, [1, 2, 4, 5]);
        chunks.publish(2, State::Absent);
        assert_eq!([(); 2].map(|()| chunks.claim_next(State::Absent)), [Some(2), None]);
    }

    #[test]
    fn a_released_chunk_is_claimed_only_on_purpose() {
        let chunks = Chunks::new(4096, 4096);
        chunks.publish(0, State::Released);
        assert_eq!(chunks.claim_next(State::Absent), None);
        assert_eq!(chunks.claim_missing(0), State::Released);
        assert_eq!(chunks.claim_missing(0), State::Busy);
        chunks.publish(0, State::Released);
        assert_eq!(chunks.claim_next(State::Released), Some(0));
        chunks.publish(0, State::Present);
        assert_eq!(chunks.claim_missing(0), State::Present);
    }
}
