//! Memory that is filled chunk by chunk, in order and as it is touched.

mod chunks;
mod failure;
mod fingerprints;
mod mapping;
mod pins;
mod progress;
mod shutdown;
mod signals;
mod uffd;
mod worker;

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::mem;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use self::chunks::{Chunks, State};
use self::fingerprints::Fingerprints;
use self::mapping::FaultMapping;
use self::pins::Pins;
use self::progress::Progress;
use self::shutdown::Shutdown;
use self::signals::without_signals;
use self::uffd::Uffd;
use self::worker::{Shared, Worker};
use crate::error::MemoryError;
use crate::mapping::page_size;
use crate::residency::resident_bytes;

pub use self::failure::{FillCause, FillFailure};

/// Fills the chunks of a [`PagedMemory`]: reads and decrypts them, say.
///
/// [`ChunkFiller::fill`] is called by several threads at once, while other threads wait in the midst of reading the
/// memory. So it must not read that memory itself, and must not need what a reader may hold meanwhile: a lock, or
/// standard output.
pub trait ChunkFiller: Send + Sync + 'static {
    /// Says why a chunk could not be filled.
    type Error: Error + Send + Sync + 'static;

    /// Bytes in a chunk: a power of two, at least a page. Asked once.
    fn chunk_size(&self) -> usize;

    /// Bytes of the memory. Asked once.
    fn length(&self) -> usize;

    /// Writes the whole of chunk `index`, counted from 0; the last one may be shorter. What stands in `chunk` before is
    /// left over from another chunk.
    ///
    /// # Errors
    ///
    /// When the bytes cannot be had or are not authentic. Then nothing of `chunk` is used.
    fn fill(&self, index: usize, chunk: &mut [u8]) -> Result<(), Self::Error>;

    /// Writes a chunk again whose pages were given back. Does what [`fill`](Self::fill) does, unless it can do with less.
    ///
    /// The memory compares the bytes with a fingerprint of those that were there before, since readers may hold
    /// references to them: others are [`FillCause::Changed`], and no reader sees them. So this need not make sure again
    /// that the bytes are the right ones.
    ///
    /// # Errors
    ///
    /// Those of [`fill`](Self::fill).
    fn refill(&self, index: usize, chunk: &mut [u8]) -> Result<(), Self::Error> {
        self.fill(index, chunk)
    }

    /// Words the one line that is written to standard error before the process ends, because a chunk that was good
    /// before cannot be filled again. Control characters in it become spaces.
    fn late_failure_line(&self, failure: &FillFailure<Self::Error>) -> String {
        format!("{failure}: {}", failure.cause)
    }
}

/// Holds bytes that a [`ChunkFiller`] gives, read-only: chunks are filled in order by threads of their own, and sooner
/// when they are touched. Whoever touches a chunk waits until it is there.
///
/// When a chunk cannot be filled, or its filler panics, the memory is *poisoned*: every page that is not there is zero
/// from then on, for those who wait too, and [`PagedMemory::wait`] gives the failure. Bytes of a chunk that failed
/// are never seen. So a result that was computed from the memory must not be used before `wait` has given `Ok`.
///
/// After that, [`PagedMemory::release`] gives the pages back, and a later touch fills them again. If *that* fails, or
/// the bytes are not the same as before, the process ends with one line on standard error and exit code 3: nothing is
/// computed from wrong bytes, and no reference shows two contents.
///
/// A system call cannot wait: it fails with `EFAULT` when it meets a page that is not there, unless
/// [`PagedMemory::populate`] has brought it in.
///
/// The memory is neither dumped nor inherited by forks, locked against swapping when the limits allow it, and what is
/// left of it is zeroized when it is dropped; dropping waits for chunks that are being filled. In a forked child it
/// does not exist: a touch ends the child, or finds whatever stands there by then.
///
/// ```
/// use std::convert::Infallible;
/// use ovseal_memory::{ChunkFiller, PagedMemory, MemoryError};
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
///         chunk.fill(7); // decrypts, in real life
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

/// Keeps all bytes of a [`PagedMemory`] in place, for system calls too. Made by [`PagedMemory::populate`].
#[must_use = "the bytes may be dropped as soon as this is"]
pub struct Populated<'a, F: ChunkFiller> {
    memory: &'a PagedMemory<F>,
}

impl<F: ChunkFiller> PagedMemory<F> {
    /// Maps the memory and starts the threads: one that serves faults, and `ahead` of them, at least one, that fill the
    /// chunks in order, end when all are filled, and help with faults until then. Each takes one chunk of memory more.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Unavailable`] where `userfaultfd(2)` is missing or forbidden: fill a
    /// [`ModelMemory`](crate::ModelMemory) instead. [`MemoryError::ChunkSize`], [`MemoryError::TooLong`],
    /// [`MemoryError::Map`], [`MemoryError::Thread`] as they say.
    pub fn start(filler: F, ahead: usize) -> Result<Self, MemoryError> {
        Self::start_on(Uffd::open(), filler, ahead)
    }

    /// Starts on what the kernel has answered to `userfaultfd(2)`.
    fn start_on(
        descriptor: rustix::io::Result<OwnedFd>,
        filler: F,
        ahead: usize,
    ) -> Result<Self, MemoryError> {
        let shared = Arc::new(share(descriptor, filler)?);
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

    /// Waits until every chunk was filled once.
    ///
    /// # Errors
    ///
    /// The first failure, always the same one. The memory is poisoned, or is about to be.
    pub fn wait(&self) -> Result<(), Arc<FillFailure<F::Error>>> {
        self.shared.progress.wait()
    }

    /// Returns the first failure, if there was one until now; never waits.
    ///
    /// Zeros come in the place of a chunk only after there was one: bytes that were read before this gave `None` are the
    /// filler's.
    pub fn failure(&self) -> Option<Arc<FillFailure<F::Error>>> {
        self.shared.progress.failure()
    }

    /// Gives the pages back to the kernel; a later touch fills them again. Says whether it was done.
    ///
    /// It is not done before every chunk was filled once. While the memory is populated it is not done either, but as
    /// soon as the last [`Populated`] is dropped. Chunks that are being filled meanwhile stay, and so do locked pages
    /// before Linux 5.18.
    pub fn release(&self) -> bool {
        self.shared.progress.is_complete() && self.shared.pins.unless_taken(|| self.discard_all())
    }

    /// Does what [`PagedMemory::release`] does, on the thread that serves faults, so that the caller need not wait.
    pub fn release_in_background(&self) {
        self.shared.release.store(true, Ordering::Release);
        self.shared.shutdown.nudge();
    }

    /// Returns what fills the chunks.
    pub fn filler(&self) -> &F {
        &self.shared.filler
    }

    /// Waits as [`PagedMemory::wait`] does, brings in what was released, and keeps it until the guard is dropped. Then pages
    /// go again, if they were released before or meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`PagedMemory::wait`].
    pub fn populate(&self) -> Result<Populated<'_, F>, Arc<FillFailure<F::Error>>> {
        self.wait()?;
        self.shared.pins.take();
        let populated = Populated { memory: self };
        self.fill_released();
        for index in 0..self.shared.chunks.count() {
            // Pages of a chunk come in order, so whoever has read its last byte has waited for all of them.
            black_box(self.get(self.shared.chunks.range(index).end - 1).copied());
        }
        Ok(populated)
    }

    /// Bytes of the pages that are in memory now, at most the length rounded up to whole pages.
    pub fn resident_bytes(&self) -> usize {
        resident_bytes(self)
    }

    /// Says whether the memory can never be swapped to a disk; see [`ModelMemory::is_locked`](crate::ModelMemory).
    pub fn is_locked(&self) -> bool {
        self.shared.mapping.is_locked()
    }

    fn discard_all(&self) {
        (0..self.shared.chunks.count()).for_each(|index| self.shared.discard(index));
    }

    /// Fills released chunks with as many threads as at the start. What they leave is left to the thread that serves
    /// faults, so it does no harm when one cannot be started.
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
            // The threads stayed with the parent, so there is nothing that could be joined or detached.
            return threads.into_iter().for_each(mem::forget);
        }
        self.shared.shutdown.set();
        for thread in threads {
            // Threads catch what a filler throws, and have said so to whoever waits.
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
        self.memory.shared.pins.give_back(|| self.memory.discard_all());
    }
}

impl<F: ChunkFiller> fmt::Debug for Populated<'_, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Populated({} bytes)", self.len())
    }
}

/// Says whether this process may handle its own faults.
pub(crate) fn is_available() -> bool {
    Uffd::open().and_then(Uffd::new).is_ok()
}

fn share<F: ChunkFiller>(
    descriptor: rustix::io::Result<OwnedFd>,
    filler: F,
) -> Result<Shared<F>, MemoryError> {
    let (chunk_size, length) = (filler.chunk_size(), filler.length());
    if !chunk_size.is_power_of_two() || chunk_size < page_size() {
        return Err(MemoryError::ChunkSize { chunk_size, page_size: page_size() });
    }
    let mapping = FaultMapping::new(descriptor, length)?;
    let chunks = Chunks::new(length, chunk_size);
    let fingerprints = Fingerprints::new(chunks.count());
    let fingerprints = fingerprints.map_err(|_| MemoryError::Random)?;
    let progress = Progress::new(chunks.count());
    let shutdown = Shutdown::new().map_err(|error| MemoryError::Thread { source: error.into() })?;
    let release = AtomicBool::new(false);
    let pins = Pins::default();
    Ok(Shared {
        filler,
        mapping,
        chunks,
        fingerprints,
        progress,
        pins,
        shutdown,
        release,
        chunk_size,
        length,
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::mpsc::{Sender, channel};

    use rustix::io::Errno;

    use super::*;

    /// Owns the only sender of a channel, which closes when the filler is dropped.
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
    fn without_userfaultfd_the_caller_is_told_to_do_without() {
        for error in [Errno::PERM, Errno::NOSYS, Errno::INVAL] {
            let (sender, receiver) = channel();
            let refused = PagedMemory::start_on(Err(error), Ones(sender), 2).unwrap_err();
            let MemoryError::Unavailable { source } = refused else { panic!("{refused}") };
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
