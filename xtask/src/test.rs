//! `cargo xtask test`: sets up the test environment and runs all tests.

use std::ffi::OsString;

use crate::failure::Failure;
use crate::setting::Setting;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{advisories, fuzz, installed, onnx_suite, process, sanitize, tools, wheel};

/// Runs the tests and prints the duration of each step.
///
/// With arguments for nextest, runs only the tests that they select.
///
/// # Errors
///
/// The error of the first step that fails; later steps are not started.
pub(crate) fn run(workspace: &Workspace, nextest: &[OsString]) -> Result<(), Failure> {
    let mut steps = Steps::default();
    let outcome = all(workspace, nextest, &mut steps);
    steps.print();
    outcome
}

fn all(workspace: &Workspace, nextest: &[OsString], steps: &mut Steps) -> Result<(), Failure> {
    let setting = Setting::prepare(workspace, steps)?;
    rust_tests(&setting, steps, nextest)?;
    if !nextest.is_empty() {
        return Ok(());
    }
    advisories::run(workspace, steps)?;
    doctests(&setting, steps)?;
    pytest(&setting, steps)?;
    onnx_suite::suite(&setting, steps)?;
    wheel::test(&setting, steps)?;
    installed::run(&setting, steps)?;
    sanitize::run(&setting, steps)?;
    fuzz::run(workspace, steps)
}

fn rust_tests(setting: &Setting<'_>, steps: &mut Steps, arguments: &[OsString]) -> Result<(), Failure> {
    let path = steps.run("test runner", || tools::nextest(setting.workspace))?;
    let mut cargo = setting.workspace.cargo();
    cargo.args(["nextest", "run", "--workspace", "--locked"]).args(arguments).env("PATH", path);
    steps.run("Rust tests", || process::run(setting.tell(&mut cargo)))
}

fn doctests(setting: &Setting<'_>, steps: &mut Steps) -> Result<(), Failure> {
    let mut cargo = setting.workspace.cargo();
    cargo.args(["test", "--workspace", "--locked", "--doc", "--quiet"]);
    steps.run("Rust examples", || process::run(setting.tell(&mut cargo)))
}

fn pytest(setting: &Setting<'_>, steps: &mut Steps) -> Result<(), Failure> {
    let mut pytest = setting.python.script("-m");
    pytest.args(["pytest", "-q", "-p", "no:cacheprovider", "testkit/tests"]);
    pytest.current_dir(&setting.workspace.root);
    steps.run("Python tests", || process::run(setting.tell(&mut pytest)))
}
