//! The environment of the tests: Python, OpenVINO, models and simulated hardware.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::packages::{
    self, C_COMPILER, CMAKE, CXX_COMPILER, FINCORE, FUSE, PKG_CONFIG, PYTHON, PYTHON_VENV, SOFTHSM, STRACE,
    SWTPM, TPM2_TOOLS, TSS_HEADERS,
};
use crate::python::{self, Environment};
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, stamp, tpm};

/// Environment of the tests.
pub(crate) struct Setting<'a> {
    /// Directories of the project.
    pub(crate) workspace: &'a Workspace,
    /// Python environment with all packages.
    pub(crate) python: Environment,
    openvino: PathBuf,
    models: PathBuf,
    tpm: PathBuf,
    softhsm: PathBuf,
}

impl<'a> Setting<'a> {
    pub(crate) fn prepare(workspace: &'a Workspace, steps: &mut Steps) -> Result<Self, Failure> {
        let wanted = [
            C_COMPILER,
            CMAKE,
            CXX_COMPILER,
            FINCORE,
            FUSE,
            PKG_CONFIG,
            PYTHON,
            PYTHON_VENV,
            SOFTHSM,
            STRACE,
            SWTPM,
            TPM2_TOOLS,
            TSS_HEADERS,
        ];
        steps.run("system packages", || {
            packages::require(&wanted)?;
            packages::require_name_spaces()
        })?;
        let folder = workspace.target.join("test");
        let python = steps.run("Python environment", || {
            let requirements = python::requirements(&workspace.requirements())?;
            Environment::create(&folder.join("venv"), &requirements)
        })?;
        let models = folder.join("models");
        steps.run("models", || make_models(workspace, &python, &models))?;
        let tpm = folder.join("tpm");
        steps.run("TPM", || tpm::make(&tpm))?;
        let (openvino, softhsm) = (python.openvino_libraries()?, softhsm()?);
        Ok(Self { workspace, openvino, python, models, tpm, softhsm })
    }

    /// Sets the environment variables through which tests find the runtime, models and interpreter.
    pub(crate) fn tell<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("OVSEAL_OPENVINO", &self.openvino)
            .env("OVSEAL_TEST_MODELS", &self.models)
            .env("OVSEAL_TEST_TPM", &self.tpm)
            .env("OVSEAL_TEST_SOFTHSM", &self.softhsm)
            .env("OVSEAL_TEST_PYTHON", self.python.python())
    }

    /// Returns the path of a file among the models.
    pub(crate) fn model(&self, path: &str) -> PathBuf {
        self.models.join(path)
    }

    /// Returns the directory of OpenVINO's package, with its headers and CMake files.
    pub(crate) fn openvino_package(&self) -> &Path {
        self.openvino.parent().unwrap_or(&self.openvino)
    }
}

/// Finds the PKCS#11 module of SoftHSM.
fn softhsm() -> Result<PathBuf, Failure> {
    let folders =
        ["/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib64/pkcs11", "/usr/lib/pkcs11"];
    let mut modules = folders.iter().map(|folder| Path::new(folder).join("libsofthsm2.so"));
    modules.find(|module| module.exists()).ok_or_else(|| {
        Failure::new(format!("libsofthsm2.so is in none of these directories: {}", folders.join(", ")))
    })
}

/// Writes the models, unless the scripts and packages are unchanged.
fn make_models(workspace: &Workspace, python: &Environment, models: &Path) -> Result<(), Failure> {
    let inputs = scripts(&workspace.scripts())?;
    let script = workspace.scripts().join("make_models.py");
    // In a Turkish locale, OpenVINO lowercases I to a dotless ı and fails to find its own names.
    stamp::once(models, &inputs, || process::run(python.script(script).arg(models).env("LC_ALL", "C")))
}

/// Concatenates the scripts and the pinned packages, which together determine the models' bytes.
fn scripts(folder: &Path) -> Result<String, Failure> {
    let refused = |error| Failure::file("read", folder, &error);
    let entries = fs::read_dir(folder).map_err(refused)?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    files.retain(|file| file.is_file());
    files.sort();
    let texts = files.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    Ok(texts.concat())
}
