//! Long operations on a separate thread, while the calling thread watches for signals.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ovseal_frontend::{Code, Failure};
use pyo3::prelude::*;

use crate::failure::raise;
use crate::lock;

/// A counter of processed bytes, which reports them to Python. The default reports nothing.
#[derive(Default)]
pub(crate) struct Meter {
    done: Arc<AtomicU64>,
    start: u64,
    total: u64,
    callback: Option<Py<PyAny>>,
    is_cancelled: AtomicBool,
}

impl Meter {
    /// Counts from 0 to `total`.
    pub(crate) fn new(total: u64, callback: Option<Py<PyAny>>) -> Self {
        Self::on(Arc::default(), total, callback)
    }

    /// Counts the next `total` bytes of a counter that others advance.
    pub(crate) fn on(done: Arc<AtomicU64>, total: u64, callback: Option<Py<PyAny>>) -> Self {
        let start = done.load(Ordering::Relaxed);
        Self { done, start, total, callback, is_cancelled: AtomicBool::new(false) }
    }

    /// Counts bytes. Returns `Break` if the operation has been cancelled.
    pub(crate) fn advance(&self, bytes: u64) -> ControlFlow<()> {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        if self.is_cancelled.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn report(&self, py: Python<'_>) -> PyResult<()> {
        let Some(callback) = &self.callback else { return Ok(()) };
        let done = self.done.load(Ordering::Relaxed) - self.start;
        callback.call1(py, (done.min(self.total), self.total)).map(drop)
    }
}

/// Runs `job` on a new thread. Until it ends, the calling thread handles signals and reports
/// progress.
///
/// An exception from a signal handler or from the callback cancels a job that watches the meter.
/// The exception is raised after the job has ended.
pub(crate) fn run<T: Send>(py: Python<'_>, meter: &Meter, job: impl FnOnce() -> T + Send) -> PyResult<T> {
    let end = End::default();
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, || {
            let _signal = SignalOnDrop(&end);
            job()
        });
        let worker = worker.map_err(|error| {
            raise(Failure::new(Code::Environment, "cannot start a thread").caused_by(error))
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
                Err(raise(Failure::new(Code::Internal, "a bug in this library: a thread panicked")))
            }
        }
    })
}

/// A signal for the end of a thread, on which another thread waits.
#[derive(Default)]
struct End {
    has_come: Mutex<bool>,
    changed: Condvar,
}

impl End {
    /// Waits for at most one tick. Returns whether the thread has ended.
    fn wait(&self) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.has_come), TICK, |has_come| !*has_come);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Signals the end even if the thread panics.
struct SignalOnDrop<'e>(&'e End);

impl Drop for SignalOnDrop<'_> {
    fn drop(&mut self) {
        *lock(&self.0.has_come) = true;
        self.0.changed.notify_one();
    }
}

/// The longest time before a signal is handled.
const TICK: Duration = Duration::from_millis(50);
