//! The runtime of this process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::probe::{self, Probed};
use crate::locate::{self, Environment, LocateError};

/// An OpenVINO runtime loaded into this process.
///
/// A process can load only one runtime, which stays loaded. A `Runtime` is proof that the library
/// can be called.
#[derive(Clone, Debug)]
pub struct Runtime {
    loaded: Arc<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    path: PathBuf,
    real_path: PathBuf,
    version: String,
    takes_arrays: bool,
}

impl Runtime {
    /// Finds and loads the runtime's library, or returns the loaded runtime if it is the same file.
    ///
    /// If `explicit` or the variable `OVSEAL_OPENVINO` is set, no other place is searched. Either
    /// one is the path of the library, of the directory of the libraries, or of a wheel's package,
    /// a virtual environment or an installation. Otherwise the first of these places that has the
    /// library is used:
    ///
    /// - the variables `OPENVINO_BUILD_DIR`, `OPENVINO_INSTALL_DIR`, `INTEL_OPENVINO_DIR`,
    ///   `OpenVINO_DIR` and `LD_LIBRARY_PATH`;
    /// - the active virtual environment;
    /// - the wheel that `python3` finds;
    /// - the system's directories.
    ///
    /// # Errors
    ///
    /// - [`LocateError::NotFound`] lists the searched places.
    /// - [`LocateError::WritesModels`]: a variable is set that makes the runtime write plaintext to
    ///   the current directory.
    /// - [`LocateError::Load`] and [`LocateError::Unsupported`]: the library cannot be used. No
    ///   other place is tried.
    /// - [`LocateError::AlreadyLoaded`]: a different runtime is loaded.
    pub fn locate(explicit: Option<&Path>, environment: &Environment) -> Result<Self, LocateError> {
        if let Some(&variable) = environment.variables_that_write_models().first() {
            return Err(LocateError::WritesModels { variable });
        }
        let library = locate::library(explicit, environment)?;
        // The runtime searches for its plugins next to the path from which it was loaded. This path
        // must stay valid when the current directory changes.
        let path = std::path::absolute(&library).unwrap_or(library);
        let loaded = load(path)?;
        tracing::debug!(path = %loaded.path.display(), version = loaded.version, "OpenVINO is loaded");
        Ok(Self { loaded })
    }

    /// Returns the library's version and build, such as `2026.4.1-21034-…`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.loaded.version
    }

    /// Returns whether the runtime accepts properties as arrays, as 2026.4 and later do.
    pub(crate) fn takes_arrays(&self) -> bool {
        self.loaded.takes_arrays
    }

    /// Returns the loaded file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.loaded.path
    }
}

fn load(path: PathBuf) -> Result<Arc<Loaded>, LocateError> {
    let mut state = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let real_path = path.canonicalize().unwrap_or_else(|_| path.clone());
    if let Some(loaded) = state.as_ref() {
        return match loaded.real_path == real_path {
            true => Ok(Arc::clone(loaded)),
            false => Err(LocateError::AlreadyLoaded { loaded: loaded.path.clone(), wanted: path }),
        };
    }
    let Probed { version, takes_arrays } = probe::probe(&path)?;
    openvino_sys::library::load_from(&path)
        .map_err(|reason| LocateError::Bindings { path: path.clone(), reason })?;
    Ok(Arc::clone(state.insert(Arc::new(Loaded { path, real_path, version, takes_arrays }))))
}

/// The bindings keep the library in their own global and ignore a second call.
static LOADED: Mutex<Option<Arc<Loaded>>> = Mutex::new(None);
