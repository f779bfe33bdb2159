//! The command `ovseal`, for `python -m ovseal`.

use std::ffi::OsString;
use std::process::ExitCode;

use pyo3::prelude::*;

/// Runs the command `ovseal` and gives its exit code. The first argument is the name of the program.
///
/// The process is hardened against dumps and debuggers first.
#[pyfunction]
pub(crate) fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    ovseal_memory::harden_process();
    let code = py.detach(|| ovseal_cli::run(arguments));
    (0..=u8::MAX).find(|number| ExitCode::from(*number) == code).unwrap_or(u8::MAX)
}
