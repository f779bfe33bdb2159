//! The runtime that this process uses.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::environment::Environment;
use crate::locate;
use crate::locate_error::LocateError;
use crate::probe::{self, Probed};

/// An OpenVINO runtime that is loaded into this process.
///
/// A process has one for its whole life: it is never unloaded, and no other can be loaded. Whoever holds a `Runtime` may
/// call the library.
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
    /// Finds the runtime's library and loads it, or returns the one that is loaded if it is the same file.
    ///
    /// `explicit`, or else the variable `OVSEAL_OPENVINO`, is the only place searched when it is set: the library, the
    /// folder of the libraries, the folder of a wheel's package, of a virtual environment, or of an installation. Otherwise the
    /// first of these places: the variables `OPENVINO_BUILD_DIR`, `OPENVINO_INSTALL_DIR`, `INTEL_OPENVINO_DIR`, `OpenVINO_DIR`
    /// and `LD_LIBRARY_PATH`, the virtual environment in use, the wheel that `python3` knows, the system's folders.
    ///
    /// # Errors
    ///
    /// [`LocateError::NotFound`] lists the places. [`LocateError::WritesModels`] when a variable is set with which the
    /// runtime would write plaintext to the current folder. [`LocateError::Load`] and [`LocateError::Unsupported`] for a library that
    /// cannot be used; no other place is tried then. [`LocateError::AlreadyLoaded`] for a second runtime.
    pub fn locate(explicit: Option<&Path>, environment: &Environment) -> Result<Self, LocateError> {
        if let Some(&variable) = environment.variables_that_write_models().first() {
            return Err(LocateError::WritesModels { variable });
        }
        let library = locate::library(explicit, environment)?;
        // The runtime looks for its plugins beside the path that it was loaded from: a relative one would lose them.
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

    /// Whether it takes properties as arrays: 2026.4 and later.
    pub(crate) fn takes_arrays(&self) -> bool {
        self.loaded.takes_arrays
    }

    /// Returns the file that was loaded.
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

/// The bindings keep the library in a global of their own, and ignore a second call.
static LOADED: Mutex<Option<Arc<Loaded>>> = Mutex::new(None);
