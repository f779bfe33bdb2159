//! The process to which an object belongs.

use std::process;

use ovseal_frontend::{Code, Failure};
use pyo3::prelude::*;

use crate::failure::raise;

/// The process that made an object: a forked child has none of its memory.
#[derive(Clone, Copy)]
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Self {
        Self(process::id())
    }

    /// Refuses to go on in a forked child, where touching keys or weights would end the process.
    pub(crate) fn check(self) -> PyResult<()> {
        if self.0 == process::id() {
            return Ok(());
        }
        let message = "this object was made before the process forked, and its memory did not come along";
        let hint =
            "open the container in the child, or start it without forking: multiprocessing's \"spawn\"";
        Err(raise(Failure::new(Code::Forked, message).with_hint(Some(hint))))
    }
}

/// Keeps an object of a forked child from ever being destroyed there.
#[pyfunction]
pub(crate) fn abandon(object: Py<PyAny>) {
    std::mem::forget(object);
}
