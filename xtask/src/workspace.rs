//! Directories of the project, and the targets that cargo finds in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::failure::Failure;
use crate::process;

/// Directories of the project, and the build machine.
pub(crate) struct Workspace {
    /// Directory of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Target directory according to cargo's settings.
    pub(crate) target: PathBuf,
    /// Triple of the build machine, such as `x86_64-unknown-linux-gnu`.
    pub(crate) host: String,
}

impl Workspace {
    /// Asks cargo and rustc for the directories and the machine.
    ///
    /// # Errors
    ///
    /// Fails if cargo or rustc cannot be started, or its output cannot be parsed.
    pub(crate) fn find() -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = root.canonicalize().map_err(|error| Failure::file("find", &root, &error))?;
        let target = Metadata::read(&root.join("Cargo.toml"))?.target_directory;
        Ok(Self { root, target, host: host()? })
    }

    /// Returns a cargo command that starts in the root directory.
    pub(crate) fn cargo(&self) -> Command {
        // `cargo run` sets the variable to the cargo that started the task.
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        cargo
    }

    /// Returns the directory of the scripts that write models.
    pub(crate) fn scripts(&self) -> PathBuf {
        self.root.join("testkit/python")
    }

    /// Returns the file of pinned Python packages, one per line.
    pub(crate) fn requirements(&self) -> PathBuf {
        self.scripts().join("requirements.txt")
    }
}

/// Output of `cargo metadata`.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Metadata {
    /// Reads the metadata of the workspace to which `manifest` belongs.
    ///
    /// # Errors
    ///
    /// Fails if cargo cannot read the manifest.
    pub(crate) fn read(manifest: &Path) -> Result<Self, Failure> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let text = process::output(&mut cargo)?;
        serde_json::from_str(&text).map_err(|error| Failure::new(format!("cargo metadata: {error}")))
    }

    /// Returns the version of a package.
    pub(crate) fn version(&self, package: &str) -> Option<&str> {
        self.packages.iter().find(|found| found.name == package).map(|found| found.version.as_str())
    }

    /// Returns the package and name of all targets of one kind, such as `bin` or `test`.
    pub(crate) fn targets(&self, kind: &str) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        for package in &self.packages {
            let targets = package.targets.iter().filter(|target| target.kind.iter().any(|k| k == kind));
            found.extend(targets.map(|target| (package.name.as_str(), target.name.as_str())));
        }
        found
    }
}

fn host() -> Result<String, Failure> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("`rustc -vV` does not name the host"))
}
