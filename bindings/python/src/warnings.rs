//! Warnings about how a secret is stored.

use std::sync::atomic::{AtomicBool, Ordering};

use ovseal_frontend::Origin;
use ovseal_memory::{Missing, protections};
use pyo3::prelude::*;

/// Warns if other users can access the file from which a secret was read.
pub(crate) fn exposed(py: Python<'_>, origin: &Origin) -> PyResult<()> {
    origin.warning().map_or(Ok(()), |warning| warn(py, &format!("{warning}: change its mode to 600")))
}

/// Warns once that keys may be swapped to disk, if neither secret nor locked memory is available.
pub(crate) fn unlocked_keys(py: Python<'_>) -> PyResult<()> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if WARNED.swap(true, Ordering::Relaxed) || !protections().missing().contains(&Missing::KeyMemory) {
        return Ok(());
    }
    warn(py, "keys are not locked in memory and may be swapped to disk: raise the limit with ulimit -l")
}

fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    let category = py.import("ovseal._errors")?.getattr("ExposedKeyWarning")?;
    let warnings = py.import("warnings")?;
    warnings.call_method1("warn", (text, category)).map(drop)
}
