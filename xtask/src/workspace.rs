//! Where things are: the project's folders, and what cargo knows about the targets in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::failure::Failure;
use crate::process;

/// The project's folders.
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The target folder, wherever cargo's settings put it.
    pub(crate) target: PathBuf,
    /// Triple of the machine that builds, like `x86_64-unknown-linux-gnu`.
    pub(crate) host: String,
}

impl Workspace {
    /// Asks cargo and rustc for the folders and the machine.
    ///
    /// # Errors
    ///
    /// When one of them cannot be started, or answers in a form that is not understood.
    pub(crate) fn find() -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = root.canonicalize().map_err(|error| Failure::file("find", &root, &error))?;
        let target = Metadata::read(&root.join("Cargo.toml"))?.target_directory;
        Ok(Self { root, target, host: host()? })
    }

    /// A cargo command that starts in the root folder.
    pub(crate) fn cargo(&self) -> Command {
        // Inside `cargo run` the variable names the very cargo that started the task.
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        cargo
    }

    /// The folder with the scripts that write models.
    pub(crate) fn scripts(&self) -> PathBuf {
        self.root.join("testkit/python")
    }

    /// The pinned Python packages, one a line.
    pub(crate) fn requirements(&self) -> PathBuf {
        self.scripts().join("requirements.txt")
    }
}

/// What `cargo metadata` says about a workspace.
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
    /// Reads the description of the workspace that `manifest` belongs to.
    ///
    /// # Errors
    ///
    /// When cargo cannot read the manifest.
    pub(crate) fn read(manifest: &Path) -> Result<Self, Failure> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let text = process::output(&mut cargo)?;
        serde_json::from_str(&text).map_err(|error| Failure::new(format!("cargo metadata: {error}")))
    }

    /// The version of a package.
    pub(crate) fn version(&self, package: &str) -> Option<&str> {
        self.packages.iter().find(|found| found.name == package).map(|found| found.version.as_str())
    }

    /// Lists package and name of all targets of one kind, like `bin` or `test`.
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
    host.map(str::to_owned).ok_or_else(|| Failure::new("rustc -vV does not name the host"))
}
