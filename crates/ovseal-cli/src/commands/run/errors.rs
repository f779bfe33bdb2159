//! Errors of the runtime as errors of the command.

use ovseal_openvino::{
    CacheError, LocateError, NetworkError, OpenVinoError, Operation, SealedModelError, TensorError,
};

use crate::error::{CommandError, Kind};

impl From<CacheError> for CommandError {
    fn from(error: CacheError) -> Self {
        Self::new(Kind::Environment, error)
    }
}

impl From<LocateError> for CommandError {
    fn from(error: LocateError) -> Self {
        if !matches!(error, LocateError::NotFound { .. }) {
            return Self::new(Kind::Environment, error);
        }
        let places: Vec<String> = error.searched().iter().map(|place| format!("searched {place}")).collect();
        Self::message(Kind::Environment, "OpenVINO was not found")
            .hint("install it with: pip install openvino, or name its directory with --openvino or OVSEAL_OPENVINO")
            .hints(places)
    }
}

impl From<OpenVinoError> for CommandError {
    fn from(error: OpenVinoError) -> Self {
        Self::new(Kind::Environment, error)
    }
}

impl From<NetworkError> for CommandError {
    fn from(error: NetworkError) -> Self {
        let kind = error.kind().into();
        match error {
            NetworkError::UnknownInput { ref inputs, .. } => {
                let hint = format!("its inputs: {}", inputs.join(", "));
                Self::new(kind, error).hint(hint)
            }
            NetworkError::Runtime(error) if error.operation() == Operation::Reshape => {
                Self::new(Kind::Usage, error).hint("the model does not support the shapes of --shape")
            }
            error => Self::new(kind, error),
        }
    }
}

impl From<TensorError> for CommandError {
    fn from(error: TensorError) -> Self {
        Self::new(error.kind().into(), error)
    }
}

impl From<SealedModelError> for CommandError {
    fn from(error: SealedModelError) -> Self {
        let kind = error.kind().into();
        match error {
            SealedModelError::Open(error) => error.into(),
            SealedModelError::Model(error) => error.into(),
            error @ SealedModelError::SeveralModels { .. } => {
                Self::new(kind, error).hint("choose one with --part PATH")
            }
            error @ SealedModelError::NoModel => {
                Self::new(kind, error).hint("ovseal inspect FILE with a key option shows the parts")
            }
            SealedModelError::FixedShapes => {
                Self::usage("--shape does not apply to a compiled model: its shapes are fixed")
            }
            error => Self::new(kind, error),
        }
    }
}
