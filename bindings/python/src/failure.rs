//! Failures as Python exceptions.

use ovseal_frontend::{Code, Failure, Kind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Returns the exception for an error of the crates.
pub(crate) fn failed(error: impl Into<Failure>) -> PyErr {
    raise(error.into())
}

/// Returns the exception for an invalid call.
pub(crate) fn usage(message: &str) -> PyErr {
    raise(Failure::new(Code::Usage, message))
}

/// Returns the exception for an object used after its end.
pub(crate) fn closed(message: &str) -> PyErr {
    raise(Failure::new(Code::Closed, message))
}

/// Returns the exception for a failure. Its class is defined in the package's Python code.
pub(crate) fn raise(failure: Failure) -> PyErr {
    Python::attach(|py| exception(py, failure).map_or_else(|error| error, PyErr::from_value))
}

fn exception(py: Python<'_>, failure: Failure) -> PyResult<Bound<'_, PyAny>> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = MAKE.import(py, "ovseal._errors", "error")?;
    let Failure { code, message, hint, causes } = failure;
    let hint = if code == Code::SenderNotNamed { Some(NAME_A_SENDER.to_owned()) } else { hint };
    make.call1((word(code.kind()), code.number(), message, hint, causes))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Environment => "environment",
        Kind::Usage => "usage",
        Kind::NotAuthentic => "not-authentic",
        Kind::NoKeyFits => "no-key-fits",
        Kind::Denied => "denied",
        Kind::Unsupported => "unsupported",
        Kind::Internal => "internal",
    }
}

const NAME_A_SENDER: &str =
    "name the publisher with publisher=, or accept a container from anyone with publisher=ovseal.ANY_SENDER";
