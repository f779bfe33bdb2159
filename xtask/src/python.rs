//! Virtual Python environments with pinned packages.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::{process, stamp};

/// A virtual environment.
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Creates the environment and installs packages, unless that was done before.
    ///
    /// `requirements` has one requirement per line.
    ///
    /// # Errors
    ///
    /// Fails if `python3` cannot create it, or the packages cannot be installed.
    pub(crate) fn create(folder: &Path, requirements: &str) -> Result<Self, Failure> {
        let environment = Self { folder: folder.to_path_buf() };
        let inputs = format!("{}{requirements}", process::output(Command::new("python3").arg("--version"))?);
        stamp::once(folder, &inputs, || environment.install(requirements))?;
        Ok(environment)
    }

    /// Returns the path of the environment's interpreter.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Returns a command that runs a script without writing compiled files.
    pub(crate) fn script(&self, script: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(self.python());
        command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Returns the directory of the runtime's libraries in the installed wheel.
    ///
    /// # Errors
    ///
    /// Fails if the package cannot be imported.
    pub(crate) fn openvino_libraries(&self) -> Result<PathBuf, Failure> {
        let place = "import openvino; print(openvino.__path__[0])";
        let package = process::output(self.script("-c").arg(place))?;
        Ok(Path::new(package.trim_end()).join("libs"))
    }

    /// Installs one package without its dependencies, unless its module can be imported.
    ///
    /// # Errors
    ///
    /// Fails if pip cannot install it.
    pub(crate) fn add_alone(&self, requirement: &str, module: &str) -> Result<(), Failure> {
        if process::succeeds(self.script("-c").arg(format!("import {module}"))) {
            return Ok(());
        }
        process::run(self.pip().args(["--no-deps", requirement])).map_err(|_| not_installed(requirement))
    }

    /// Installs a wheel, replacing an older one.
    ///
    /// # Errors
    ///
    /// Fails if pip cannot install it.
    pub(crate) fn replace_wheel(&self, wheel: &Path) -> Result<(), Failure> {
        process::run(self.pip().args(["--no-deps", "--no-index", "--force-reinstall"]).arg(wheel))
    }

    fn install(&self, requirements: &str) -> Result<(), Failure> {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&self.folder))?;
        process::run(self.pip().args(requirements.lines())).map_err(|_| not_installed(requirements))
    }

    /// Returns a `pip install` command that accepts only wheels.
    ///
    /// So installation needs no compiler and runs no scripts from packages.
    fn pip(&self) -> Command {
        let mut pip = self.script("-m");
        pip.args(["pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary", ":all:"]);
        pip
    }
}

/// Reads the requirements in a file, without comments and empty lines.
///
/// # Errors
///
/// Fails if the file cannot be read.
pub(crate) fn requirements(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file).map_err(|error| Failure::file("read", file, &error))?;
    Ok(without_comments(&text).collect::<Vec<_>>().join("\n"))
}

/// Reads the requirement that pins `package`.
///
/// # Errors
///
/// Fails if the file cannot be read, or does not pin the package.
pub(crate) fn requirement(file: &Path, package: &str) -> Result<String, Failure> {
    let all = requirements(file)?;
    let pinned = |line: &&str| line.split("==").next() == Some(package);
    let absent = || Failure::new(format!("{} does not pin {package}", file.display()));
    all.lines().find(pinned).map(str::to_owned).ok_or_else(absent)
}

fn without_comments(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn not_installed(requirements: &str) -> Failure {
    let names = requirements.lines().collect::<Vec<_>>().join(", ");
    Failure::new(format!("pip could not install {names}")).remedy(
        "see pip's message above; if the Python package index is not reachable, set PIP_INDEX_URL to a mirror and try again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_skipped() {
        let lines: Vec<_> = without_comments("# why\n\nnumpy==2.4.6\n  openvino==2026.4.1\n").collect();
        assert_eq!(lines, ["numpy==2.4.6", "openvino==2026.4.1"]);
    }
}
