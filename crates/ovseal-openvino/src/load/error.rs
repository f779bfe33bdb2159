//! Errors of loading.

use ovseal::{ErrorKind, OpenError};

use crate::runtime::NetworkError;

/// The error for a model of an opened container that could not be loaded into the runtime.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedModelError {
    /// A part is not authentic, or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The runtime rejected the model.
    #[error(transparent)]
    Model(#[from] NetworkError),
    /// The container has no network that the runtime can read from memory.
    #[error("the container has no model that can be run: no IR, ONNX or PaddlePaddle part")]
    NoModel,
    /// The container has several networks.
    #[error("the container has several models: {}", paths.join(", "))]
    SeveralModels {
        /// Their paths.
        paths: Vec<String>,
    },
    /// The requested part is not a network that the runtime can read from memory.
    #[error("{path} is not an IR, ONNX or PaddlePaddle model")]
    NotAModel {
        /// Its path.
        path: String,
    },
    /// The requested network is a compiled model.
    #[error("{path} is a compiled model, which must be imported, not read")]
    Compiled {
        /// Its path.
        path: String,
    },
    /// The container has no compiled model.
    #[error("the container has no compiled model")]
    NoCompiledModel,
    /// The requested part is not a compiled model.
    #[error("{path} is not a compiled model")]
    NotCompiled {
        /// Its path.
        path: String,
    },
    /// Shapes were set for a compiled model.
    #[error("the shapes of a compiled model are fixed")]
    FixedShapes,
}

impl SealedModelError {
    /// Returns the kind of the error, which says whose fault it is.
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
            Self::SeveralModels { .. } | Self::FixedShapes => ErrorKind::Usage,
        }
    }
}
