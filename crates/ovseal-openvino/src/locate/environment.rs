//! The environment of the search for the runtime.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The environment variables and system directories in which the runtime is searched for.
///
/// Only [`Environment::from_process`] reads the process's environment. So you can see what the
/// search depends on, and a test can choose it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Environment variables. An empty variable counts as not set.
    pub variables: BTreeMap<OsString, OsString>,
    /// Directories searched last, in this order, without their subdirectories.
    pub system_folders: Vec<PathBuf>,
    /// Directories whose entries `openvino*` are installations, searched after `system_folders`.
    pub installation_folders: Vec<PathBuf>,
}

impl Environment {
    /// Returns the variables of this process and the usual directories of the operating system.
    #[must_use]
    pub fn from_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            system_folders: system_folders(),
            installation_folders: vec![PathBuf::from("/opt/intel")],
        }
    }

    /// Sets one variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Returns a variable that is set and not empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns the variables that are set and make OpenVINO write models to disk.
    #[must_use]
    pub fn variables_that_write_models(&self) -> Vec<&'static str> {
        WRITES_MODELS.into_iter().filter(|name| self.variable(name).is_some()).collect()
    }

    /// Returns the variables, except those that make OpenVINO write models to disk.
    pub(crate) fn without_variables_that_write_models(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter().filter(|(name, _)| !WRITES_MODELS.iter().any(|writes| *name == *writes))
    }

    /// Returns the absolute paths of a variable such as `PATH`. Relative ones would depend on the
    /// current directory.
    pub(crate) fn folders(&self, name: &str) -> Vec<PathBuf> {
        let folders = self.variable(name).map(std::env::split_paths);
        folders.into_iter().flatten().filter(|folder| folder.is_absolute()).collect()
    }
}

fn system_folders() -> Vec<PathBuf> {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"]
        .iter()
        .flat_map(|folder| [PathBuf::from(folder), PathBuf::from(folder).join(&triplet)])
        .collect()
}

/// Variables that make OpenVINO write each network that it transforms to the current directory.
///
/// The first variable writes all weights, the others the topology. OpenVINO 2026.4.1 wrote 548
/// files for a network of three convolutions.
const WRITES_MODELS: [&str; 3] =
    ["OV_ENABLE_SERIALIZE_TRACING", "OV_ENABLE_VISUALIZE_TRACING", "OPENVINO_HETERO_VISUALIZE"];
