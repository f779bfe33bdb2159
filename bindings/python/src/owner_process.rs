//! The process that owns an object.

use std::process;

use ovseal_frontend::{Code, Failure};
use pyo3::prelude::*;

use crate::failure::raise;

/// The process that created an object. A forked child does not inherit the object's memory.
#[derive(Clone, Copy)]
pub(crate) struct OwnerProcess(u32);

impl OwnerProcess {
    pub(crate) fn current() -> Self {
        Self(process::id())
    }

    /// Fails in a forked child, where accessing keys or weights would end the process.
    pub(crate) fn check(self) -> PyResult<()> {
        if self.0 == process::id() {
            return Ok(());
        }
        let message =
            "this object was created before the process forked; the child does not inherit its memory";
        let hint = "open the container in the child, or start it with multiprocessing's \"spawn\"";
        Err(raise(Failure::new(Code::Forked, message).with_hint(hint)))
    }
}

/// Leak a reference to an object, so that a forked child never destroys it.
#[pyfunction]
pub(crate) fn abandon(object: Py<PyAny>) {
    std::mem::forget(object);
}
