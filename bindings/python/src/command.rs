//! The command `ovseal`, for `python -m ovseal`.

use std::ffi::OsString;
use std::process::ExitCode;

use pyo3::prelude::*;

/// Run the command ``ovseal``, and return its exit code. The first argument is the program's name.
///
/// The process is first hardened against core dumps and debuggers.
#[pyfunction]
pub(crate) fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    ovseal_memory::harden_process();
    let code = py.detach(|| ovseal_cli::run(arguments));
    // An exit code can be compared, but not read.
    (0..=u8::MAX).find(|number| ExitCode::from(*number) == code).unwrap_or(u8::MAX)
}
