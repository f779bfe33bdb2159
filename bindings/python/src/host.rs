//! The host's protections, and settings that would make OpenVINO write models to disk.

use ovseal_memory::Swap;
use ovseal_openvino::Environment;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Return the facts about this host and process that protect keys and weights.
#[pyfunction]
pub(crate) fn protections(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let found = ovseal_memory::protections();
    let facts = PyDict::new(py);
    facts.set_item("secret_memory", found.secret_memory)?;
    facts.set_item("locked_memory", found.locked_memory)?;
    facts.set_item("locked_memory_limit", found.locked_memory_limit)?;
    facts.set_item("dumpable", found.dumpable)?;
    facts.set_item("core_limit", found.core_limit)?;
    facts.set_item("swap", swap(found.swap))?;
    facts.set_item("userfaultfd", found.userfaultfd.user_mode)?;
    Ok(facts)
}

/// Disable core dumps, and keep other processes of the same user out of this one's memory.
///
/// Call this before loading keys or models. Debuggers and profilers cannot attach afterwards.
///
/// Returns:
///     True if both measures succeeded.
#[pyfunction]
pub(crate) fn harden_process() -> bool {
    let hardening = ovseal_memory::harden_process();
    hardening.not_dumpable && hardening.no_core_files
}

/// Return the environment variables that are set and make OpenVINO write models to disk.
#[pyfunction]
pub(crate) fn variables_that_write_models() -> Vec<&'static str> {
    Environment::from_process().variables_that_write_models()
}

/// Return whether a property would make OpenVINO write models to disk.
#[pyfunction]
pub(crate) fn writes_model(name: &str, value: &str) -> bool {
    ovseal_openvino::writes_model(name, value)
}

fn swap(swap: Swap) -> Option<bool> {
    match swap {
        Swap::Absent => Some(false),
        Swap::Present => Some(true),
        Swap::Unknown => None,
    }
}
