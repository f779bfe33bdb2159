//! Errors of locating and loading the runtime.

use std::fmt;
use std::path::PathBuf;

/// A place searched for the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The origin of the place: a variable, `python3`, `system`, or `given path`.
    pub origin: String,
    /// The directory or file, if the origin points to one.
    pub path: Option<PathBuf>,
    /// The reason why it is not the runtime.
    pub finding: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(formatter, "{}: {}: {}", self.origin, path.display(), self.finding),
            None => write!(formatter, "{}: {}", self.origin, self.finding),
        }
    }
}

/// The error for an OpenVINO runtime that could not be located or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// No place has the library `libopenvino_c.so`.
    #[error("the OpenVINO runtime was not found; searched:{}", lines(places))]
    NotFound {
        /// The searched places, in order.
        places: Vec<Place>,
    },
    /// An environment variable makes the runtime write models to disk.
    #[error("environment variable {variable} makes OpenVINO write models to disk")]
    WritesModels {
        /// Its name.
        variable: &'static str,
    },
    /// The file is not a shared library, or a library that it needs is missing.
    #[error("cannot load {}", path.display())]
    Load {
        /// The library.
        path: PathBuf,
        /// The error of the dynamic linker.
        source: libloading::Error,
    },
    /// The library is not an OpenVINO runtime that this crate can use.
    #[error("{} is too old or not OpenVINO: it lacks {missing}", path.display())]
    Unsupported {
        /// The library.
        path: PathBuf,
        /// The missing function, or the required version.
        missing: &'static str,
    },
    /// A different runtime is loaded. A process can load only one.
    #[error("cannot load {}: this process already uses {}", wanted.display(), loaded.display())]
    AlreadyLoaded {
        /// The library in use.
        loaded: PathBuf,
        /// The requested library.
        wanted: PathBuf,
    },
    /// An earlier attempt in this process failed halfway.
    #[error("the bindings reject {}: {reason}", path.display())]
    Bindings {
        /// The library.
        path: PathBuf,
        /// The bindings' reason.
        reason: String,
    },
}

impl LocateError {
    /// Returns the searched places, in order, if the runtime was not found. Other errors have none.
    #[must_use]
    pub fn searched(&self) -> &[Place] {
        match self {
            Self::NotFound { places } => places,
            _ => &[],
        }
    }
}

fn lines(places: &[Place]) -> String {
    places.iter().map(|place| format!("\n  {place}")).collect()
}
