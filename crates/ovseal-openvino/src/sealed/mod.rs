//! From an opened container to a model of the runtime.

mod compiled;
mod decrypted;
mod model;
mod onnx;
mod opening;

use ovseal::{ErrorKind, OpenError, Opened, Part, PartKind};

use crate::error::ModelError;

pub use compiled::find_compiled;
pub use decrypted::Decrypted;
pub use model::SealedModel;
pub use opening::Opening;

/// A model of an opened container could not be read into the runtime.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedModelError {
    /// A part is not authentic, or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The runtime refused the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The container holds no network that the runtime can read from memory.
    #[error("the container holds no model that can be run: no IR, ONNX or PaddlePaddle part")]
    NoModel,
    /// The container holds several networks.
    #[error("the container holds several models: {}", paths.join(", "))]
    SeveralModels {
        /// Their paths.
        paths: Vec<String>,
    },
    /// The part that was asked for is no network that the runtime can read from memory.
    #[error("{path} is no IR, ONNX or PaddlePaddle model")]
    NotAModel {
        /// Its path.
        path: String,
    },
    /// What was to be read is a compiled model.
    #[error("{path} is a compiled model, which is imported, not read")]
    Compiled {
        /// Its path.
        path: String,
    },
    /// The container holds no compiled model.
    #[error("the container holds no compiled model")]
    NoCompiledModel,
    /// The part that was to be imported is of another kind.
    #[error("{path} is not a compiled model")]
    NotCompiled {
        /// Its path.
        path: String,
    },
}

impl SealedModelError {
    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Open(error) => error.kind(),
            Self::Model(error) => error.kind(),
            Self::NoModel
            | Self::NotAModel { .. }
            | Self::Compiled { .. }
            | Self::NoCompiledModel
            | Self::NotCompiled { .. } => ErrorKind::Unsupported,
            Self::SeveralModels { .. } => ErrorKind::Usage,
        }
    }
}

/// The part at `path`, or the only one that is a network.
pub(crate) fn find(opened: &Opened, path: Option<&str>) -> Result<Part, SealedModelError> {
    if let Some(path) = path {
        let part = opened.part(path)?;
        return match part.entry().kind {
            kind if kind.is_model() => Ok(part),
            PartKind::Compiled => Err(SealedModelError::Compiled { path: path.to_owned() }),
            _ => Err(SealedModelError::NotAModel { path: path.to_owned() }),
        };
    }
    let mut models: Vec<&str> = paths_of_models(opened).collect();
    match (models.pop(), models.is_empty()) {
        (Some(only), true) => Ok(opened.part(only)?),
        (None, _) => Err(match compiled::compiled(opened).next() {
            Some(path) => SealedModelError::Compiled { path },
            None => SealedModelError::NoModel,
        }),
        (Some(_), false) => Err(SealedModelError::SeveralModels {
            paths: paths_of_models(opened).map(str::to_owned).collect(),
        }),
    }
}

fn paths_of_models(opened: &Opened) -> impl Iterator<Item = &str> {
    let models = opened.manifest().parts.iter().filter(|part| part.kind.is_model());
    models.map(|part| part.path.as_str())
}
