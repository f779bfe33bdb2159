//! The choice of chunks that leave memory when it is short.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::sys::page_size;

/// A description of the contents of a [`PagedMemory`](super::PagedMemory), which decides what may
/// leave memory first.
///
/// Ranges are byte offsets in the memory, in ascending order and inside it. Others are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// Ranges that a reader reads as a whole, such as tensors. The one that a thread reads stays.
    pub tensors: Vec<Range<usize>>,
    /// Ranges whose pages stay once they are in memory, such as small constants.
    pub kept: Vec<Range<usize>>,
}

/// The chunks in memory, the order of their filling, and the limit on them.
#[derive(Debug)]
pub(super) struct Residency {
    /// The number of fillings so far.
    fillings: AtomicU64,
    /// The number of the last filling of each chunk.
    filled_at: Box<[AtomicU64]>,
    bytes: AtomicUsize,
    refilled: AtomicU64,
    allowance: AtomicUsize,
    bound: OnceLock<Bound>,
    readers: Mutex<Vec<Reader>>,
    trimming: Mutex<Trimming>,
}

#[derive(Debug)]
struct Bound {
    layout: Layout,
    /// Limit set by the caller, in bytes.
    budget: usize,
    /// True if there is room for all chunks and for as much as the reader may make of them.
    has_ample_room: bool,
}

/// A thread that has met a missing page.
#[derive(Debug)]
struct Reader {
    thread: u32,
    range: Range<usize>,
    at: Instant,
}

/// The right to drop chunks.
#[derive(Debug, Default)]
pub(super) struct Trimming {
    /// True after a failure: then every chunk in memory stays.
    pub(super) is_over: bool,
}

impl Residency {
    pub(super) fn new(chunks: usize) -> Self {
        Self {
            fillings: AtomicU64::new(0),
            filled_at: (0..chunks).map(|_| AtomicU64::new(0)).collect(),
            bytes: AtomicUsize::new(0),
            refilled: AtomicU64::new(0),
            allowance: AtomicUsize::new(usize::MAX),
            bound: OnceLock::new(),
            readers: Mutex::default(),
            trimming: Mutex::default(),
        }
    }

    /// Sets the limit for `length` bytes. Does nothing if there already is one.
    pub(super) fn bound(&self, mut layout: Layout, budget: usize, room: Option<u64>, length: usize) {
        for ranges in [&mut layout.tensors, &mut layout.kept] {
            ranges.retain(|range| range.start < range.end && range.end <= length);
            ranges.sort_by_key(|range| range.start);
        }
        layout.kept = whole_pages(&layout.kept);
        let needed = length.saturating_mul(AMPLE) as u64;
        let has_ample_room = budget >= length && room.is_none_or(|room| room >= needed);
        if self.bound.set(Bound { layout, budget, has_ample_room }).is_ok() {
            self.allowance.store(budget, Ordering::Relaxed);
        }
    }

    /// Returns whether chunks may be filled before a reader comes near them.
    pub(super) fn may_fill_ahead(&self, incoming: usize) -> bool {
        self.bound.get().is_none_or(|bound| bound.has_ample_room && self.excess(incoming) == 0)
    }

    /// Returns whether chunks may leave memory.
    pub(super) fn is_bounded(&self) -> bool {
        self.bound.get().is_some()
    }

    /// Returns the parts of `pages` that may leave memory.
    pub(super) fn droppable(&self, pages: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let kept = self.bound.get().map_or(&[][..], |bound| &bound.layout.kept);
        let first = kept.partition_point(|range| range.end <= pages.start);
        let kept = kept[first..].iter().take_while(move |range| range.start < pages.end);
        let end = pages.end..pages.end;
        kept.cloned().chain([end]).scan(pages.start, |position, kept| {
            let gap = *position..kept.start.max(*position);
            *position = kept.end;
            Some(gap)
        })
    }

    /// Counts a filling of a chunk, and returns whether no other chunk is in memory.
    pub(super) fn filled(&self, index: usize, length: usize, is_refill: bool) -> bool {
        let number = self.fillings.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(slot) = self.filled_at.get(index) {
            slot.store(number, Ordering::Relaxed);
        }
        self.refilled.fetch_add(u64::from(is_refill), Ordering::Relaxed);
        self.bytes.fetch_add(length, Ordering::Relaxed) == 0
    }

    /// Counts a chunk that left memory.
    pub(super) fn dropped(&self, length: usize) {
        self.bytes.fetch_sub(length, Ordering::Relaxed);
    }

    /// Returns the bytes of chunks in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of chunks that were filled again after they had left memory.
    pub(super) fn refilled(&self) -> u64 {
        self.refilled.load(Ordering::Relaxed)
    }

    /// Adapts the limit to the room that is left for this process, in bytes.
    pub(super) fn adapt(&self, room: u64) {
        let Some(bound) = self.bound.get() else { return };
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let allowance = self.bytes().saturating_add(room).saturating_sub(RESERVE);
        self.allowance.store(allowance.max(FLOOR).min(bound.budget), Ordering::Relaxed);
    }

    /// Returns the bytes by which memory exceeds the limit once `incoming` more are there.
    pub(super) fn excess(&self, incoming: usize) -> usize {
        self.bytes().saturating_add(incoming).saturating_sub(self.allowance.load(Ordering::Relaxed))
    }

    /// Notes that a thread waits for the byte at `offset`.
    pub(super) fn note_reader(&self, thread: u32, offset: usize) {
        let Some(bound) = self.bound.get() else { return };
        let range = bound.layout.tensor_at(offset).unwrap_or(offset..offset + 1);
        let mut readers = lock(&self.readers);
        readers.retain(|reader| reader.thread != thread && reader.at.elapsed() < FORGET_READER);
        readers.truncate(READERS - 1);
        readers.insert(0, Reader { thread, range, at: Instant::now() });
    }

    /// Returns the right to drop chunks, which one thread has at a time.
    pub(super) fn trimming(&self) -> std::sync::MutexGuard<'_, Trimming> {
        lock(&self.trimming)
    }

    /// Returns the chunks that may leave memory, oldest first.
    ///
    /// The newest ones stay, because their readers may not have come yet, and so do those of ranges
    /// that threads read.
    pub(super) fn oldest(&self, chunk_size: usize, is_present: impl Fn(usize) -> bool) -> Vec<usize> {
        let Some(bound) = self.bound.get() else { return Vec::new() };
        let newest = (FLOOR.min(bound.budget) / chunk_size).max(2) as u64;
        let last = self.fillings.load(Ordering::Relaxed).saturating_sub(newest);
        let in_use: Vec<Range<usize>> = lock(&self.readers)
            .iter()
            .filter(|reader| reader.at.elapsed() < FORGET_READER)
            .map(|reader| reader.range.start / chunk_size..reader.range.end.div_ceil(chunk_size))
            .collect();
        let numbered = self.filled_at.iter().map(|slot| slot.load(Ordering::Relaxed)).enumerate();
        let mut chunks: Vec<(u64, usize)> = numbered
            .filter(|(index, at)| *at <= last && is_present(*index))
            .filter(|(index, _)| !in_use.iter().any(|range| range.contains(index)))
            .map(|(index, at)| (at, index))
            .collect();
        chunks.sort_unstable();
        chunks.into_iter().map(|(_, index)| index).collect()
    }
}

impl Layout {
    /// Creates a description.
    #[must_use]
    pub fn new(tensors: Vec<Range<usize>>, kept: Vec<Range<usize>>) -> Self {
        Self { tensors, kept }
    }

    fn tensor_at(&self, offset: usize) -> Option<Range<usize>> {
        let after = self.tensors.partition_point(|tensor| tensor.start <= offset);
        self.tensors[..after].last().filter(|tensor| tensor.contains(&offset)).cloned()
    }
}

/// Extends ascending ranges to whole pages, and joins those that touch.
fn whole_pages(ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        let start = range.start / page_size() * page_size();
        let end = range.end.next_multiple_of(page_size());
        match joined.last_mut() {
            Some(last) if last.end >= start => last.end = last.end.max(end),
            _ => joined.push(start..end),
        }
    }
    joined
}

/// Room is ample from this many times the length of the memory on: one for the chunks, two for the
/// reader's copies, which may be larger than what they are made from.
const AMPLE: usize = 3;

/// The bytes filled last, which stay however little room is left.
const FLOOR: usize = 8 << 20;

/// The room that is left to the rest of the process until the next measurement.
const RESERVE: usize = 64 << 20;

/// The readers that are remembered. More threads rarely read weights at once.
const READERS: usize = 16;

/// The time after which a thread that met no missing page counts as a reader no more.
const FORGET_READER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 2 << 20;

    fn fill(residency: &Residency, index: usize) {
        residency.filled(index, CHUNK, false);
    }

    fn bounded(chunks: usize, tensors: &[Range<usize>], budget: usize) -> Residency {
        let residency = Residency::new(chunks);
        residency.bound(Layout::new(tensors.to_vec(), Vec::new()), budget, None, chunks * CHUNK);
        residency
    }

    #[test]
    fn the_oldest_leave_first_and_the_newest_stay() {
        let residency = bounded(8, &[], usize::MAX);
        [3, 0, 1, 2, 4, 5, 6, 7].into_iter().for_each(|index| fill(&residency, index));
        assert_eq!(residency.oldest(CHUNK, |_| true), [3, 0, 1, 2]);
        assert_eq!(residency.oldest(CHUNK, |index| index != 0), [3, 1, 2]);
        residency.filled(3, CHUNK, true);
        assert_eq!((residency.oldest(CHUNK, |_| true), residency.refilled()), (vec![0, 1, 2, 4], 1));
    }

    #[test]
    fn a_tensor_that_a_thread_reads_stays() {
        let tensors = [0..CHUNK + 1, CHUNK + 1..3 * CHUNK];
        let residency = bounded(8, &tensors, usize::MAX);
        (0..8).for_each(|index| fill(&residency, index));
        residency.note_reader(1, 0);
        assert_eq!(residency.oldest(CHUNK, |_| true), [2, 3]);
        residency.note_reader(2, 2 * CHUNK);
        assert_eq!(residency.oldest(CHUNK, |_| true), [3]);
        residency.note_reader(1, 7 * CHUNK);
        assert_eq!(residency.oldest(CHUNK, |_| true), [0, 3]);
    }

    #[test]
    fn the_limit_follows_the_room_between_the_floor_and_the_budget() {
        let residency = bounded(128, &[], 200 << 20);
        (0..50).for_each(|index| fill(&residency, index));
        assert_eq!(residency.excess(CHUNK), 0);
        for (room, excess) in [(0, 64), (6 << 20, 58), (64 << 20, 0)] {
            residency.adapt(room);
            assert_eq!(residency.excess(0), excess << 20, "room of {room} bytes");
        }
        residency.adapt(u64::MAX);
        assert_eq!(residency.excess(100 << 20), 0);
        assert_eq!(residency.excess(101 << 20), 1 << 20);
        residency.dropped(94 << 20);
        residency.adapt(0);
        assert_eq!(residency.excess(2 << 20), 0);
        assert_eq!(residency.excess(3 << 20), 1 << 20);
    }

    #[test]
    fn without_a_bound_nothing_leaves() {
        let residency = Residency::new(64);
        (0..64).for_each(|index| fill(&residency, index));
        residency.adapt(0);
        residency.note_reader(1, 0);
        assert_eq!((residency.excess(usize::MAX), residency.oldest(CHUNK, |_| true)), (0, vec![]));
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "the answers are ranges")]
    fn kept_pages_are_left_out_of_what_may_leave() {
        let (page, residency) = (page_size(), Residency::new(1));
        let kept = vec![9 * page..20 * page, 5..5, 2 * page - 1..2 * page + 1, 0..10, 7 * page..7 * page + 1];
        residency.bound(Layout::new(Vec::new(), kept), usize::MAX, None, 10 * page);
        let droppable = |pages: Range<usize>| {
            let gaps = residency.droppable(pages.start * page..pages.end * page);
            gaps.filter(|gap| !gap.is_empty()).map(|gap| gap.start / page..gap.end / page).collect::<Vec<_>>()
        };
        assert_eq!(droppable(0..10), [3..7, 8..10]);
        assert_eq!(droppable(4..6), [4..6]);
        assert_eq!(droppable(1..3), []);
        assert_eq!(droppable(2..8), [3..7]);
    }

    #[test]
    fn chunks_are_filled_ahead_only_in_ample_room() {
        for (budget, room, is_ample) in [
            (usize::MAX, None, true),
            (CHUNK, Some(3 * CHUNK as u64), true),
            (CHUNK, Some(3 * CHUNK as u64 - 1), false),
            (CHUNK - 1, None, false),
        ] {
            let residency = Residency::new(1);
            residency.bound(Layout::default(), budget, room, CHUNK);
            assert_eq!(residency.may_fill_ahead(CHUNK), is_ample, "{budget} {room:?}");
        }
        assert!(Residency::new(1).may_fill_ahead(usize::MAX));
    }
}
