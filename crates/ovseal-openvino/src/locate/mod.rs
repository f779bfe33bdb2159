//! The search for the runtime's library, `libopenvino_c.so`.

mod environment;
mod error;
pub(crate) mod python;

use std::path::{Path, PathBuf};

pub use environment::Environment;
pub use error::{LocateError, Place};

/// Finds the library to load.
///
/// If `explicit` or the variable `OVSEAL_OPENVINO` is set, no other place is searched. Otherwise
/// the places are, in order: OpenVINO's own variables, `LD_LIBRARY_PATH`, the active virtual
/// environment, the wheel that `python3` finds, and the system's directories.
pub(crate) fn library(explicit: Option<&Path>, environment: &Environment) -> Result<PathBuf, LocateError> {
    let mut search = Search { environment, places: Vec::new() };
    let found = match (explicit, environment.variable(CHOICE)) {
        (Some(path), _) => search.only("given path", path),
        (None, Some(path)) => search.only(CHOICE, Path::new(path)),
        (None, None) => search.everywhere(),
    };
    found.ok_or(LocateError::NotFound { places: search.places })
}

struct Search<'a> {
    environment: &'a Environment,
    places: Vec<Place>,
}

impl Search<'_> {
    fn only(&mut self, origin: &str, path: &Path) -> Option<PathBuf> {
        if path.is_file() {
            return Some(path.to_path_buf());
        }
        self.root(origin, path)
    }

    fn everywhere(&mut self) -> Option<PathBuf> {
        self.openvino_variables()
            .or_else(|| self.virtual_environment())
            .or_else(|| self.wheel())
            .or_else(|| self.system())
    }

    fn openvino_variables(&mut self) -> Option<PathBuf> {
        for name in ["OPENVINO_BUILD_DIR", "OPENVINO_INSTALL_DIR", "INTEL_OPENVINO_DIR"] {
            if let Some(found) = self.variable(name) {
                return Some(found);
            }
        }
        self.cmake_directory().or_else(|| {
            let folders = self.environment.folders("LD_LIBRARY_PATH");
            folders.iter().find_map(|folder| self.folder("LD_LIBRARY_PATH", folder))
        })
    }

    fn variable(&mut self, name: &str) -> Option<PathBuf> {
        let root = PathBuf::from(self.environment.variable(name)?);
        self.root(name, &root)
    }

    /// Searches around the directory of `OpenVINOConfig.cmake`, to which `OpenVINO_DIR` points.
    /// That is `runtime/cmake` in an archive, `openvino/cmake` in a wheel, `lib/cmake/openvino…` in
    /// a package.
    fn cmake_directory(&mut self) -> Option<PathBuf> {
        let folder = PathBuf::from(self.environment.variable("OpenVINO_DIR")?);
        let roots: Vec<PathBuf> = folder.ancestors().take(4).map(Path::to_path_buf).collect();
        roots.iter().find_map(|root| self.root("OpenVINO_DIR", root))
    }

    fn virtual_environment(&mut self) -> Option<PathBuf> {
        self.variable("VIRTUAL_ENV")
    }

    fn wheel(&mut self) -> Option<PathBuf> {
        let Some(interpreter) = python::interpreter(self.environment) else {
            return self.nothing("python3", None, "not in PATH");
        };
        match python::package(&interpreter, self.environment) {
            Some(package) => self.root("python3", &package),
            None => self.nothing("python3", Some(&interpreter), "has no package openvino"),
        }
    }

    fn system(&mut self) -> Option<PathBuf> {
        let environment = self.environment;
        environment.system_folders.iter().find_map(|folder| self.folder("system", folder)).or_else(|| {
            let installations =
                environment.installation_folders.iter().flat_map(|folder| installations(folder));
            installations.into_iter().find_map(|root| self.root("system", &root))
        })
    }

    /// Searches a directory, and the places below it in which an installation, a build or a wheel
    /// has its libraries.
    fn root(&mut self, origin: &str, root: &Path) -> Option<PathBuf> {
        let found = library_directories(root).iter().find_map(|folder| library_in(folder));
        found.or_else(|| self.nothing(origin, Some(root), finding(root)))
    }

    fn folder(&mut self, origin: &str, folder: &Path) -> Option<PathBuf> {
        library_in(folder).or_else(|| self.nothing(origin, Some(folder), finding(folder)))
    }

    fn nothing(&mut self, origin: &str, path: Option<&Path>, finding: &'static str) -> Option<PathBuf> {
        let path = path.map(Path::to_path_buf);
        self.places.push(Place { origin: origin.to_owned(), path, finding });
        None
    }
}

fn finding(path: &Path) -> &'static str {
    if path.is_dir() { "no libopenvino_c.so" } else { "no such directory" }
}

/// Returns the directories that may contain libraries: `root`, and directories below it.
fn library_directories(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_path_buf(), root.join("libs"), root.join("openvino/libs")];
    folders.extend(site_packages(root));
    for machine in MACHINE_DIRECTORIES {
        for prefix in ["runtime/lib", "lib", "bin"] {
            let folder = root.join(prefix).join(machine);
            folders.extend([folder.join("Release"), folder.clone(), folder.join("Release/lib")]);
        }
    }
    folders.extend([root.join("lib"), root.join("lib64")]);
    folders
}

/// Returns `lib/python3.N/site-packages/openvino/libs` of each interpreter, the newest first.
fn site_packages(root: &Path) -> Vec<PathBuf> {
    let interpreters = ["lib", "lib64"].iter().flat_map(|lib| entries(&root.join(lib), "python3"));
    interpreters.map(|(_, folder)| folder.join("site-packages/openvino/libs")).collect()
}

fn installations(folder: &Path) -> Vec<PathBuf> {
    entries(folder, "openvino").into_iter().map(|(_, path)| path).collect()
}

/// Returns the library in a directory: `libopenvino_c.so`, or else the one with the highest
/// version.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(LIBRARY);
    if plain.is_file() {
        return Some(plain);
    }
    let versions = entries(folder, LIBRARY).into_iter();
    versions.filter(|(version, path)| !version.is_empty() && path.is_file()).map(|(_, path)| path).next()
}

/// Returns the entries whose name is `prefix` and a version, the highest version first.
fn entries(folder: &Path, prefix: &str) -> Vec<(Vec<u64>, PathBuf)> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = names
        .filter_map(|entry| {
            let name = entry.file_name();
            Some((version(name.to_str()?.strip_prefix(prefix)?)?, entry.path()))
        })
        .collect();
    found.sort_by(|left, right| right.cmp(left));
    found
}

/// Parses `.2026.4.1`, `_2026.4.1` or their short form `.2641`. Returns `None` for other strings.
fn version(suffix: &str) -> Option<Vec<u64>> {
    let digits = suffix.trim_start_matches(['.', '_', '-']);
    if digits.is_empty() {
        return suffix.is_empty().then(Vec::new);
    }
    let numbers: Vec<u64> = digits.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    Some(match numbers[..] {
        [short @ 1000..=9999] if !digits.starts_with("20") => {
            vec![2000 + short / 100, short / 10 % 10, short % 10]
        }
        _ => numbers,
    })
}

/// The environment variable with which a user chooses the runtime.
const CHOICE: &str = "OVSEAL_OPENVINO";

const LIBRARY: &str = "libopenvino_c.so";

/// The names of this machine's architecture in OpenVINO's archives and builds, and in Debian's
/// packages.
#[cfg(target_arch = "aarch64")]
const MACHINE_DIRECTORIES: [&str; 3] = ["aarch64", "arm64", "aarch64-linux-gnu"];
#[cfg(not(target_arch = "aarch64"))]
const MACHINE_DIRECTORIES: [&str; 2] = ["intel64", "x86_64-linux-gnu"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_versions_are_comparable() {
        assert_eq!(version(".2641"), Some(vec![2026, 4, 1]));
        assert_eq!(version(".2026.4.1"), Some(vec![2026, 4, 1]));
        assert_eq!(version("_2025"), Some(vec![2025]));
        assert_eq!(version(".bak"), None);
    }
}
