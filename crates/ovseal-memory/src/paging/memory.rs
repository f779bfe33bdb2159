use std::fmt;
use std::hint::black_box;
use std::mem;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use super::chunks::State;
use super::shared::Shared;
use super::worker::Worker;
use super::{ChunkFiller, FillFailure, LateFailureHandler, Layout, exit_with_line};
use crate::error::MemoryError;
use crate::room::memory_room;
use crate::sys::{self, Uffd, page_size, resident_bytes, without_signals};

/// Read-only bytes of a [`ChunkFiller`], paged in on demand.
///
/// Background threads fill the chunks in order. A read from a chunk that has not arrived waits, and
/// moves that chunk ahead in the order.
///
/// If a chunk cannot be filled, or its filler panics, the memory is *poisoned*. From then on every
/// missing page is zero, even for readers that are already waiting, and [`PagedMemory::wait`]
/// returns the failure. No reader sees bytes of the failed chunk. So do not use a result computed
/// from the memory until `wait` has returned `Ok`.
///
/// After that, [`PagedMemory::release`] can return the pages to the kernel. A later access fills
/// them again. If filling them again fails, or the bytes differ from before, the
/// [`LateFailureHandler`] ends the process. Nothing is computed from wrong bytes, and no reference
/// shows two different contents.
///
/// A system call cannot wait. If it accesses a missing page, it fails with `EFAULT`. Call
/// [`PagedMemory::populate`] before passing the memory to a system call.
///
/// The memory is neither dumped nor inherited by forks, and locked against swapping if the limits
/// allow. Dropping it waits for chunks that are being filled, and then zeroizes it. In a forked
/// child the memory does not exist: an access ends the child, or finds whatever is mapped there by
/// then.
///
/// ```
/// use std::convert::Infallible;
/// use ovseal_memory::{ChunkFiller, MemoryError, PagedMemory};
///
/// struct Sevens;
///
/// impl ChunkFiller for Sevens {
///     type Error = Infallible;
///
///     fn chunk_size(&self) -> usize {
///         1 << 16
///     }
///
///     fn length(&self) -> usize {
///         3_000_000
///     }
///
///     fn fill(&self, _index: usize, chunk: &mut [u8]) -> Result<(), Infallible> {
///         chunk.fill(7); // decrypt it here
///         Ok(())
///     }
/// }
///
/// let weights = match PagedMemory::start(Sevens, 1) {
///     Err(MemoryError::Unavailable { .. }) => return Ok(()), // fill a `ModelMemory` instead
///     started => started?,
/// };
/// assert_eq!(weights[2_999_999], 7);
/// weights.wait()?;
/// weights.release();
/// assert_eq!(weights[0], 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PagedMemory<F: ChunkFiller> {
    shared: Arc<Shared<F>>,
    threads: Vec<JoinHandle<()>>,
    ahead: usize,
}

/// All bytes of a [`PagedMemory`], kept in place so that system calls can also read them.
///
/// Created by [`PagedMemory::populate`].
#[must_use = "the bytes may be released as soon as this is dropped"]
pub struct Populated<'a, F: ChunkFiller> {
    memory: &'a PagedMemory<F>,
}

impl<F: ChunkFiller> PagedMemory<F> {
    /// Maps the memory and starts to fill it; [`exit_with_line`] handles late failures.
    ///
    /// One thread serves faults. `ahead` more, at least one, fill the chunks in order. They also
    /// help with faults, and end after all chunks have been filled. Each thread needs memory for
    /// one more chunk.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Unavailable`] if `userfaultfd(2)` is missing or forbidden: fill a
    /// [`ModelMemory`](crate::ModelMemory) instead. [`MemoryError::ChunkSize`],
    /// [`MemoryError::TooLong`], [`MemoryError::Map`], [`MemoryError::Random`] or
    /// [`MemoryError::Thread`] as documented there.
    pub fn start(filler: F, ahead: usize) -> Result<Self, MemoryError> {
        Self::start_with(filler, ahead, exit_with_line)
    }

    /// Maps the memory and starts to fill it; `on_late_failure` handles late failures.
    ///
    /// # Errors
    ///
    /// Any error of [`PagedMemory::start`].
    pub fn start_with(
        filler: F,
        ahead: usize,
        on_late_failure: LateFailureHandler,
    ) -> Result<Self, MemoryError> {
        Self::start_on(Uffd::open(), filler, ahead, on_late_failure)
    }

    /// Starts with the result of `userfaultfd(2)`.
    fn start_on(
        uffd: sys::Result<Uffd>,
        filler: F,
        ahead: usize,
        on_late_failure: LateFailureHandler,
    ) -> Result<Self, MemoryError> {
        let shared = Arc::new(Shared::new(uffd, filler, on_late_failure)?);
        let ahead = ahead.max(1).min(shared.chunks.count());
        let mut memory = Self { shared, threads: Vec::new(), ahead };
        memory.spawn("ovseal-fault", |worker| worker.serve())?;
        for _ in 0..ahead {
            memory.spawn("ovseal-ahead", |worker| worker.fill_ahead(State::Absent))?;
        }
        Ok(memory)
    }

    fn spawn(&mut self, name: &str, work: fn(Worker<'_, F>)) -> Result<(), MemoryError> {
        let (shared, scratch) = (Arc::clone(&self.shared), self.shared.scratch()?);
        let named = thread::Builder::new().name(name.into());
        let thread = without_signals(|| named.spawn(move || work(Worker::new(&shared, scratch))));
        self.threads.push(thread.map_err(|source| MemoryError::Thread { source })?);
        Ok(())
    }

    /// Waits until every chunk has been filled, or checked where there is no room for it.
    ///
    /// # Errors
    ///
    /// The first failure; later calls return the same one. The memory is poisoned, or is about to
    /// be.
    pub fn wait(&self) -> Result<(), Arc<FillFailure<F::Error>>> {
        self.shared.is_awaited.store(true, Ordering::Release);
        self.threads.iter().for_each(|thread| thread.thread().unpark());
        self.shared.progress.wait()
    }

    /// Bounds the pages in memory, also before every chunk was filled, for a reader other than a
    /// system call.
    ///
    /// Chunks stay while there is room. If room gets short, as [`memory_room`](crate::memory_room)
    /// measures it, or the pages exceed `budget` bytes, chunks are dropped, oldest first. They are
    /// filled again when they are read. The newest 8 MiB stay, or `budget` if that is less, and so
    /// does what [`Layout`] says. If there is not room for three times the length, chunks are not
    /// filled long before they are read.
    ///
    /// After a failure, the memory drops nothing more. Missing pages are zero then, except those of
    /// chunks that were dropped: these are filled again, and the [`LateFailureHandler`] ends the
    /// process if that fails.
    ///
    /// The kernel cannot drop locked pages before Linux 5.18: there, the memory is unlocked.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Map`] if the kernel rejects the advice.
    pub fn bound(&self, layout: Layout, budget: Option<usize>) -> Result<(), MemoryError> {
        let length = self.shared.length;
        let advised = self.shared.mapping.allow_dropping();
        advised.map_err(|error| MemoryError::Map { length, source: error.into() })?;
        let budget = budget.unwrap_or(usize::MAX);
        self.shared.residency.bound(layout, budget, memory_room(), length);
        self.shared.shutdown.nudge();
        Ok(())
    }

    /// Returns the number of chunks that were filled again so far, because they had been dropped.
    pub fn refilled_chunks(&self) -> u64 {
        self.shared.residency.refilled()
    }

    /// Returns the first failure so far, if any. Never waits.
    ///
    /// Zeros replace a chunk only after a failure. So bytes that were read before this returned
    /// `None` came from the filler.
    pub fn failure(&self) -> Option<Arc<FillFailure<F::Error>>> {
        self.shared.progress.failure()
    }

    /// Returns the pages to the kernel. A later access fills them again. Returns whether pages were
    /// released.
    ///
    /// This does nothing until every chunk has been filled. While the memory is populated, the
    /// pages stay until the last [`Populated`] is dropped. Chunks that are being filled also stay,
    /// as do locked pages before Linux 5.18.
    pub fn release(&self) -> bool {
        self.shared.progress.is_complete() && self.shared.pins.unless_pinned(|| self.discard_all())
    }

    /// Does the same as [`PagedMemory::release`], on the thread that serves faults.
    pub fn release_in_background(&self) {
        self.shared.release.store(true, Ordering::Release);
        self.shared.shutdown.nudge();
    }

    /// Returns the filler.
    pub fn filler(&self) -> &F {
        &self.shared.filler
    }

    /// Waits as [`PagedMemory::wait`] does, brings in released pages and keeps all pages in place.
    ///
    /// If pages were released before or during the guard's life, all pages are released when it is
    /// dropped.
    ///
    /// # Errors
    ///
    /// Any error of [`PagedMemory::wait`].
    pub fn populate(&self) -> Result<Populated<'_, F>, Arc<FillFailure<F::Error>>> {
        self.wait()?;
        self.shared.pins.pin();
        let populated = Populated { memory: self };
        self.fill_released();
        for index in 0..self.shared.chunks.count() {
            // Some pages may be there, since they were kept, while others still arrive.
            for offset in self.shared.chunks.range(index).step_by(page_size()) {
                black_box(self.get(offset).copied());
            }
        }
        Ok(populated)
    }

    /// Returns the size of the pages in memory, at most the length rounded up to whole pages.
    pub fn resident_bytes(&self) -> usize {
        resident_bytes(self)
    }

    /// Returns whether the memory can never be swapped out.
    ///
    /// See [`ModelMemory::is_locked`](crate::ModelMemory::is_locked).
    pub fn is_locked(&self) -> bool {
        self.shared.mapping.is_locked()
    }

    fn discard_all(&self) {
        (0..self.shared.chunks.count()).for_each(|index| self.shared.discard(index));
    }

    /// Fills released chunks with as many threads as at the start.
    ///
    /// If a thread cannot be started, the thread that serves faults fills the rest.
    fn fill_released(&self) {
        thread::scope(|scope| {
            for _ in 0..self.ahead {
                let Ok(scratch) = self.shared.scratch() else { return };
                let work = || Worker::new(&self.shared, scratch).fill_ahead(State::Released);
                let _ = without_signals(|| thread::Builder::new().spawn_scoped(scope, work));
            }
        });
    }
}

impl<F: ChunkFiller> Deref for PagedMemory<F> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.shared.bytes()
    }
}

impl<F: ChunkFiller> AsRef<[u8]> for PagedMemory<F> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<F: ChunkFiller> Drop for PagedMemory<F> {
    fn drop(&mut self) {
        let threads = mem::take(&mut self.threads);
        if self.shared.mapping.is_inherited() {
            // The threads stayed with the parent, so there is nothing to join or detach.
            return threads.into_iter().for_each(mem::forget);
        }
        self.shared.shutdown.set();
        for thread in threads {
            thread.thread().unpark();
            // Threads catch a filler's panic and report it to the waiters, so there is nothing to
            // propagate.
            let _ = thread.join();
        }
    }
}

impl<F: ChunkFiller> fmt::Debug for PagedMemory<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PagedMemory({} bytes)", self.shared.length)
    }
}

impl<F: ChunkFiller> Deref for Populated<'_, F> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory
    }
}

impl<F: ChunkFiller> Drop for Populated<'_, F> {
    fn drop(&mut self) {
        self.memory.shared.pins.unpin(|| self.memory.discard_all());
    }
}

impl<F: ChunkFiller> fmt::Debug for Populated<'_, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Populated({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::sys::Errno;

    /// Owns the only sender of a channel, which closes when this value is dropped.
    struct Ones(#[expect(dead_code, reason = "its drop is what matters")] Sender<()>);

    impl ChunkFiller for Ones {
        type Error = Infallible;

        fn chunk_size(&self) -> usize {
            1 << 16
        }

        fn length(&self) -> usize {
            5 << 16
        }

        fn fill(&self, _index: usize, chunk: &mut [u8]) -> Result<(), Infallible> {
            chunk.fill(1);
            Ok(())
        }
    }

    #[test]
    fn without_userfaultfd_the_error_says_so_and_the_filler_is_dropped() {
        for error in [Errno::PERM, Errno::NOSYS, Errno::INVAL] {
            let (sender, receiver) = channel();
            let started = PagedMemory::start_on(Err(error), Ones(sender), 2, exit_with_line);
            let MemoryError::Unavailable { source } = started.unwrap_err() else { panic!("{error}") };
            assert_eq!(source.raw_os_error(), Some(error.raw_os_error()));
            assert!(receiver.recv().is_err(), "the filler is dropped");
        }
    }

    #[test]
    fn dropping_ends_the_threads_and_drops_the_filler() {
        let (sender, receiver) = channel();
        let memory = PagedMemory::start(Ones(sender), 2).unwrap();
        let shared = Arc::downgrade(&memory.shared);
        drop(memory);
        assert!(receiver.recv().is_err() && shared.upgrade().is_none());
    }
}
