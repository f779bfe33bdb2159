//! Long work without the interpreter's lock, while the caller's thread looks out for signals.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ovseal_frontend::{Code, Failure};
use pyo3::prelude::*;

use crate::failure::raise;

/// Bytes that are done, and who wants to know.
pub(crate) struct Meter {
    done: Arc<AtomicU64>,
    start: u64,
    total: u64,
    call_back: Option<Py<PyAny>>,
    is_cancelled: AtomicBool,
}

impl Meter {
    /// Counts from 0 to `total`.
    pub(crate) fn new(total: u64, call_back: Option<Py<PyAny>>) -> Self {
        Self::on(Arc::default(), total, call_back)
    }

    /// Counts `total` bytes more on a counter that others move.
    pub(crate) fn on(done: Arc<AtomicU64>, total: u64, call_back: Option<Py<PyAny>>) -> Self {
        let start = done.load(Ordering::Relaxed);
        Self { done, start, total, call_back, is_cancelled: AtomicBool::new(false) }
    }

    /// Counts bytes, and says whether to go on.
    pub(crate) fn advance(&self, bytes: u64) -> ControlFlow<()> {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        if self.is_cancelled.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn report(&self, py: Python<'_>) -> PyResult<()> {
        let Some(call_back) = &self.call_back else { return Ok(()) };
        let done = self.done.load(Ordering::Relaxed) - self.start;
        call_back.call1(py, (done.min(self.total), self.total)).map(drop)
    }
}

/// Runs `job` in a thread of its own, and waits for it in the caller's, which notices signals and calls the call-back back.
///
/// The exception of a signal handler or of the call-back cancels the job, if it looks at the meter, and is raised when it has ended.
pub(crate) fn run<T: Send>(py: Python<'_>, meter: &Meter, job: impl FnOnce() -> T + Send) -> PyResult<T> {
    let end = End::default();
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, || {
            let _told = end.tell_when_dropped();
            job()
        });
        let worker = worker.map_err(|error| {
            let failure = Failure::new(Code::Environment, "the system gives no thread");
            raise(Failure { causes: vec![error.to_string()], ..failure })
        })?;
        let mut interruption = None;
        while !py.detach(|| end.wait()) {
            if interruption.is_none() {
                interruption = py.check_signals().and_then(|()| meter.report(py)).err();
                meter.is_cancelled.store(interruption.is_some(), Ordering::Relaxed);
            }
        }
        let result = py.detach(|| worker.join());
        match (interruption, result) {
            (Some(error), _) => Err(error),
            (None, Ok(result)) => meter.report(py).map(|()| result),
            (None, Err(_)) => {
                Err(raise(Failure::new(Code::Internal, "a bug of this library: a thread panicked")))
            }
        }
    })
}

/// Whether a thread has ended.
#[derive(Default)]
struct End {
    is_there: Mutex<bool>,
    changed: Condvar,
}

struct TellsWhenDropped<'e>(&'e End);

impl End {
    fn tell_when_dropped(&self) -> TellsWhenDropped<'_> {
        TellsWhenDropped(self)
    }

    /// Waits for it for a while.
    fn wait(&self) -> bool {
        let is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_there, TICK, |is_there| !*is_there);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for TellsWhenDropped<'_> {
    fn drop(&mut self) {
        *self.0.is_there.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_one();
    }
}

/// So long a signal waits at most.
const TICK: Duration = Duration::from_millis(50);
