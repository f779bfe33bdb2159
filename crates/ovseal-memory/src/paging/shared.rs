//! State that all threads of one mapping share.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use super::chunks::{Chunks, State};
use super::failure::{FillCause, FillFailure, LateFailureHandler, caught, end_process};
use super::filler::ChunkFiller;
use super::fingerprints::Fingerprints;
use super::first_filling::FirstFilling;
use super::pins::Pins;
use super::residency::Residency;
use crate::error::MemoryError;
use crate::model::{ModelMemory, lock_leaving_room_for_keys, map};
use crate::sys::{self, FaultMapping, Shutdown, Uffd, page_size};

pub(super) struct Shared<F: ChunkFiller> {
    pub(super) filler: F,
    pub(super) mapping: FaultMapping,
    pub(super) chunks: Chunks,
    pub(super) fingerprints: Fingerprints,
    pub(super) progress: FirstFilling<F::Error>,
    pub(super) pins: Pins,
    pub(super) residency: Residency,
    /// True once a caller waits for every chunk: those without room are then checked only.
    pub(super) is_awaited: AtomicBool,
    pub(super) shutdown: Shutdown,
    /// Asks the thread that serves faults to release all pages.
    pub(super) release: AtomicBool,
    on_late_failure: LateFailureHandler,
    chunk_size: usize,
    pub(super) length: usize,
}

impl<F: ChunkFiller> Shared<F> {
    /// Maps the memory and registers it with `uffd`, the result of `userfaultfd(2)`.
    pub(super) fn new(
        uffd: sys::Result<Uffd>,
        filler: F,
        on_late_failure: LateFailureHandler,
    ) -> Result<Self, MemoryError> {
        let (chunk_size, length) = (filler.chunk_size(), filler.length());
        if !chunk_size.is_power_of_two() || chunk_size < page_size() {
            return Err(MemoryError::ChunkSize { chunk_size, page_size: page_size() });
        }
        let mapping = map_missing(uffd, length)?;
        let chunks = Chunks::new(length, chunk_size);
        let fingerprints = Fingerprints::new(chunks.count()).map_err(|_| MemoryError::Random)?;
        let progress = FirstFilling::new(chunks.count());
        let shutdown = Shutdown::new().map_err(|error| MemoryError::Thread { source: error.into() })?;
        let residency = Residency::new(chunks.count());
        let (pins, is_awaited, release) = (Pins::default(), AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self {
            filler,
            mapping,
            chunks,
            fingerprints,
            progress,
            pins,
            residency,
            is_awaited,
            shutdown,
            release,
            on_late_failure,
            chunk_size,
            length,
        })
    }

    /// Returns all bytes. A reader of a missing page waits for it.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping has at least `length` readable bytes, borrowed with `self`. A reader
        // of a missing page waits until it has the filler's bytes or zeros. A byte that was read
        // never changes: only chunks with a fingerprint are discarded, and only bytes with the same
        // fingerprint replace them.
        unsafe { std::slice::from_raw_parts(self.mapping.address().as_ptr(), self.length) }
    }

    /// Allocates a buffer in which one thread fills chunks.
    pub(super) fn scratch(&self) -> Result<ModelMemory, MemoryError> {
        ModelMemory::zeroed(self.chunk_size)
    }

    /// Returns the pages of a chunk to the kernel, if all are present and no thread works on it.
    ///
    /// Does nothing in a forked child, which may have its own memory there.
    pub(super) fn discard(&self, index: usize) {
        if self.mapping.is_inherited() || self.chunks.claim(index, State::Present) != State::Present {
            return;
        }
        let is_dropped = self.fingerprint(index) && self.drop_pages(index);
        if is_dropped {
            self.residency.dropped(self.pages(index).1);
        }
        self.chunks.publish(index, if is_dropped { State::Released } else { State::Present });
        // Faults that arrived while the chunk was claimed were not answered.
        self.wake(index);
    }

    /// Drops chunks, oldest first, until `incoming` more bytes are within the limit.
    ///
    /// Stops earlier if the rest must stay: it is new, in use or pinned.
    pub(super) fn make_room(&self, incoming: usize) {
        if self.residency.excess(incoming) == 0 {
            return;
        }
        let trimming = self.residency.trimming();
        if trimming.is_over {
            return;
        }
        self.pins.if_unpinned(|| {
            let is_present = |index| self.chunks.is_present(index);
            for index in self.residency.oldest(self.chunk_size, is_present) {
                if self.residency.excess(incoming) == 0 {
                    return;
                }
                self.discard(index);
            }
        });
    }

    /// Remembers the contents of a claimed chunk. Returns whether that succeeded.
    fn fingerprint(&self, index: usize) -> bool {
        self.fingerprints.remember(index, &self.bytes()[self.chunks.range(index)])
    }

    /// Drops the pages of a claimed chunk that need not stay. Returns whether any may be gone.
    fn drop_pages(&self, index: usize) -> bool {
        let (offset, length) = self.pages(index);
        let mut is_dropped = false;
        for Range { start, end } in self.residency.droppable(offset..offset + length) {
            if start < end {
                // SAFETY: the chunk has a fingerprint, and workers replace it only with bytes of
                // the same fingerprint.
                let _ = unsafe { self.mapping.discard(start, end - start) };
                // Even after an error, some of the pages may be gone.
                is_dropped = true;
            }
        }
        is_dropped
    }

    pub(super) fn wake(&self, index: usize) {
        let (offset, length) = self.pages(index);
        // This fails only when no thread can be waiting any more.
        let _ = self.mapping.wake(offset, length);
    }

    /// Returns the offset and length of a chunk's pages. The last page may extend past the last
    /// byte.
    pub(super) fn pages(&self, index: usize) -> (usize, usize) {
        let range = self.chunks.range(index);
        (range.start, range.len().next_multiple_of(page_size()))
    }

    /// Makes missing pages zero after a first failure.
    ///
    /// Ends the process if all chunks had been good, or a reader may have seen this one.
    pub(super) fn fail(&self, index: usize, cause: FillCause<F::Error>) {
        let failure = FillFailure { index, cause };
        if self.fingerprints.has(index) {
            self.end_process(&failure);
        }
        let is_first = self.progress.fail(failure).unwrap_or_else(|late| self.end_process(&late));
        if is_first && self.open_up().is_err() {
            end_process(self.on_late_failure, "cannot release the readers of memory that failed to fill");
        }
    }

    fn end_process(&self, failure: &FillFailure<F::Error>) -> ! {
        end_process(self.on_late_failure, &self.late_failure_line(failure))
    }

    /// Makes missing pages zero, except those of chunks that were dropped: a reader may have seen
    /// those, so they are filled again.
    fn open_up(&self) -> sys::Result<()> {
        // From now on, no other chunk is dropped.
        self.residency.trimming().is_over = true;
        let mut position = 0;
        for index in (0..self.chunks.count()).filter(|index| self.fingerprints.has(*index)) {
            let (offset, length) = self.pages(index);
            if position < offset {
                self.mapping.open_up_range(position, offset - position)?;
            }
            position = offset + length;
        }
        if position == 0 {
            self.mapping.open_up()?;
            self.shutdown.set();
            return Ok(());
        }
        let end = self.length.next_multiple_of(page_size());
        if position < end { self.mapping.open_up_range(position, end - position) } else { Ok(()) }
    }

    fn late_failure_line(&self, failure: &FillFailure<F::Error>) -> String {
        caught(|| self.filler.late_failure_line(failure)).unwrap_or_else(|| failure.to_string())
    }
}

/// Maps whole pages for `length` bytes, all missing.
///
/// The mapping is neither dumped nor inherited by forks, and locked if the limits allow it.
fn map_missing(uffd: sys::Result<Uffd>, length: usize) -> Result<FaultMapping, MemoryError> {
    let unavailable = |error: sys::Errno| MemoryError::Unavailable { source: error.into() };
    let uffd = uffd.map_err(unavailable)?;
    let mapping = map(length)?;
    let is_locked = lock_leaving_room_for_keys(&mapping);
    // The kernel can still place pages, but a stray write cannot change a weight.
    mapping.make_read_only().map_err(|error| MemoryError::Map { length, source: error.into() })?;
    FaultMapping::new(uffd, mapping, is_locked).map_err(unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{fork, smaps};

    #[test]
    fn the_memory_is_read_only_undumped_not_inherited_and_locked_as_reported() {
        let mapping = map_missing(Uffd::open(), 3 * page_size()).unwrap();
        mapping.place(0, &vec![0xEE; page_size()]).unwrap();
        let address = mapping.address().as_ptr();
        smaps::assert_flags(address, &["dd", "dc", "um"], mapping.is_locked());
        assert_eq!(smaps::permissions(address).as_deref(), Some("r--p"));
        assert_eq!(fork::peek(address, 4), Err(libc::EFAULT));
    }
}
