//! Warnings about how a secret is kept.

use std::sync::atomic::{AtomicBool, Ordering};

use ovseal_frontend::Origin;
use ovseal_memory::{Missing, protections};
use pyo3::prelude::*;

use crate::keys::Key;

/// Gives a key, and warns if other users can access its file or it cannot be locked in memory.
pub(crate) fn about(py: Python<'_>, key: ovseal_frontend::Key, kind: &'static str) -> PyResult<Key> {
    unlocked_keys(py)?;
    key.origins().iter().try_for_each(|origin| exposed(py, origin))?;
    Ok(Key::new(key, kind))
}

/// Warns if other users can access the file of a secret.
pub(crate) fn exposed(py: Python<'_>, origin: &Origin) -> PyResult<()> {
    origin.warning().map_or(Ok(()), |warning| warn(py, &format!("{warning}: change its mode to 600")))
}

/// Warns once that keys may be swapped to a disk, where neither secret nor locked memory is available.
pub(crate) fn unlocked_keys(py: Python<'_>) -> PyResult<()> {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if TOLD.swap(true, Ordering::Relaxed) || !protections().missing().contains(&Missing::KeyMemory) {
        return Ok(());
    }
    warn(py, "keys are not locked in memory and may be swapped to disk: raise the limit, ulimit -l")
}

fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    let category = py.import("ovseal._errors")?.getattr("ExposedKeyWarning")?;
    let warnings = py.import("warnings")?;
    warnings.call_method1("warn", (text, category)).map(drop)
}
