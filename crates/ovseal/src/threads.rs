//! Worker threads: how many there are, how they share work, and how their errors come back.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// More threads than this do not make sealing or opening faster: memory is the limit.
const LIMIT: usize = 16;

/// Returns the number of processors available to this process, at most 16.
pub(crate) fn default_count() -> NonZeroUsize {
    std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |count| {
        NonZeroUsize::new(count.get().min(LIMIT)).unwrap_or(NonZeroUsize::MIN)
    })
}

/// Calls `work` once for each number below `end`, in up to `count` threads, and returns the first
/// error.
///
/// Each thread has its own state, created by `start`. After an error, threads finish their current
/// number and take no more.
pub(crate) fn each<S, E: Send>(
    count: NonZeroUsize,
    end: u64,
    start: impl Fn() -> Result<S, E> + Sync,
    work: impl Fn(&mut S, u64) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let next = AtomicU64::new(0);
    let drain = || {
        let mut state = start()?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return Ok(());
            }
            work(&mut state, number)?;
        }
    };
    run((count.get() as u64).min(end), || drain().inspect_err(|_| next.store(end, Ordering::Relaxed)))
}

/// Runs `work` in `count` threads, including the caller's, and returns the first error after all
/// have finished.
///
/// A panic in a thread continues in the caller. If the system cannot start that many threads, fewer
/// do the work.
pub(crate) fn run<E: Send>(count: u64, work: impl Fn() -> Result<(), E> + Sync) -> Result<(), E> {
    std::thread::scope(|scope| {
        let start = |_| std::thread::Builder::new().spawn_scoped(scope, &work).ok();
        let workers: Vec<_> = (1..count).map_while(start).collect();
        let own = work();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // Every thread is joined before the first error is returned.
        let others: Vec<Result<(), E>> = workers.into_iter().map(join).collect();
        std::iter::once(own).chain(others).collect()
    })
}

/// Locks `mutex` even if a thread panicked while it held the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
