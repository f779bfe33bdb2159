//! `cargo xtask onnx-suite`: runs the ONNX project's backend tests in plaintext and sealed.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use crate::failure::Failure;
use crate::setting::Setting;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, stamp};

/// Runs the suite and prints how many cases pass.
///
/// # Errors
///
/// Fails if a model passes in plaintext but its sealed form fails or returns different bits.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let mut steps = Steps::default();
    let outcome = Setting::prepare(workspace, &mut steps).and_then(|setting| suite(&setting, &mut steps));
    steps.print();
    outcome
}

/// Runs the suite as a step of the tests.
///
/// # Errors
///
/// Any error of [`run`].
pub(crate) fn suite(setting: &Setting<'_>, steps: &mut Steps) -> Result<(), Failure> {
    steps.run("ONNX backend suite", || {
        let scripts = setting.workspace.root.join("testkit/onnx_suite");
        let folder = setting.workspace.target.join("test/onnx-suite");
        write_cases(setting, &scripts.join("cases.py"), &folder)?;
        let results = folder.join("results.txt");
        examine(setting, &folder, &results)?;
        process::run(setting.python.script(scripts.join("judge.py")).arg(&folder).arg(&results))
    })
}

/// Writes the cases, unless the script and packages are unchanged.
fn write_cases(setting: &Setting<'_>, script: &Path, folder: &Path) -> Result<(), Failure> {
    let read =
        |file: &Path| std::fs::read_to_string(file).map_err(|error| Failure::file("read", file, &error));
    let inputs = read(script)? + &read(&setting.workspace.requirements())?;
    stamp::once(folder, &inputs, || process::run(setting.python.script(script).arg(folder)))
}

/// Runs all cases and writes the runner's output to a file.
fn examine(setting: &Setting<'_>, folder: &Path, results: &Path) -> Result<(), Failure> {
    let file = File::create(results).map_err(|error| Failure::file("write", results, &error))?;
    let mut cargo = setting.workspace.cargo();
    cargo.args([
        "run",
        "--locked",
        "--quiet",
        "--package",
        "ovseal-openvino",
        "--example",
        "onnx_suite",
        "--",
    ]);
    cargo.arg(folder).stdout(Stdio::from(file));
    process::run(setting.tell(&mut cargo))
}
