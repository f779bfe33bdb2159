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

/// Runs `work` in `count` threads, of which the caller's is one, until all are done, and returns the first error.
///
/// A panic in a thread goes on in the caller. Where the system gives fewer threads, fewer do the work.
pub(crate) fn run<E: Send>(count: u64, work: impl Fn() -> Result<(), E> + Sync) -> Result<(), E> {
    std::thread::scope(|scope| {
        let start = |_| std::thread::Builder::new().spawn_scoped(scope, &work).ok();
        let workers: Vec<_> = (1..count).map_while(start).collect();
        let own = work();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // All are joined before the first error is returned.
        let others: Vec<Result<(), E>> = workers.into_iter().map(join).collect();
        std::iter::once(own).chain(others).collect()
    })
}
