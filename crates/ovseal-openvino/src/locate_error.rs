//! Why the runtime was not loaded.

use std::fmt;
use std::path::PathBuf;

/// A place in which the runtime was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What named the place: a variable, `python3`, `system`, or `given path`.
    pub origin: String,
    /// The folder or file, if it came to one.
    pub path: Option<PathBuf>,
    /// What was found there instead of the runtime.
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

/// Says why the OpenVINO runtime could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// No place holds the library `libopenvino_c.so`.
    #[error("the OpenVINO runtime was not found; searched:{}", lines(places))]
    NotFound {
        /// Every place that was searched, in order.
        places: Vec<Place>,
    },
    /// A variable is set that makes the runtime write models to disk.
    #[error("environment variable {variable} makes OpenVINO write models to disk")]
    WritesModels {
        /// Its name.
        variable: &'static str,
    },
    /// The file is no shared library, or one that it needs is missing.
    #[error("{} could not be loaded", path.display())]
    Load {
        /// The library.
        path: PathBuf,
        /// What the dynamic linker says.
        source: libloading::Error,
    },
    /// The library is not an OpenVINO runtime that this crate can use.
    #[error("{} is too old or not OpenVINO's: it lacks {missing}", path.display())]
    Unsupported {
        /// The library.
        path: PathBuf,
        /// The function that is missing, or the version that is needed.
        missing: &'static str,
    },
    /// A process can load one runtime only.
    #[error("{} cannot be loaded: this process already uses {}", wanted.display(), loaded.display())]
    AlreadyLoaded {
        /// The library in use.
        loaded: PathBuf,
        /// The library that was asked for.
        wanted: PathBuf,
    },
    /// An earlier attempt in this process failed half-way.
    #[error("the bindings refused {}: {reason}", path.display())]
    Bindings {
        /// The library.
        path: PathBuf,
        /// What the bindings say.
        reason: String,
    },
}

impl LocateError {
    /// Returns the places that were searched without success, in order. Empty for the other errors.
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
