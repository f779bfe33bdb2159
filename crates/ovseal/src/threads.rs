//! How many threads do the work, and how their errors come back.

use std::num::NonZeroUsize;

/// More threads than this do not make sealing or opening faster: memory is the limit.
const LIMIT: usize = 16;

/// As many threads as there are processors for this process, at most 16.
pub(crate) fn default_count() -> NonZeroUsize {
    std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |count| {
        NonZeroUsize::new(count.get().min(LIMIT)).unwrap_or(NonZeroUsize::MIN)
    })
}

/// Runs `work` in `count` threads until all are done, and returns the first error in the order of the threads.
///
/// A panic in a thread goes on in the caller. With one thread the caller does the work itself.
pub(crate) fn run<E: Send>(count: u64, work: impl Fn() -> Result<(), E> + Sync) -> Result<(), E> {
    if count <= 1 {
        return work();
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(&work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let results: Vec<Result<(), E>> = workers.into_iter().map(join).collect();
        results.into_iter().collect()
    })
}
