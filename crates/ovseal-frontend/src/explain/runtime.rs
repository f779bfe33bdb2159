//! OpenVINO, and models that it cannot load.

use ovseal_openvino::{CacheError, LocateError, NetworkError, OpenVinoError, SealedModelError, TensorError};

use super::{Explain, FrontEnd, codes};
use crate::Code;

codes! {
    OpenVinoError => Runtime,
}

impl Explain for LocateError {
    fn code(&self) -> Code {
        Code::Runtime
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = to.say(
            "install it with pip install openvino, or specify its directory with --openvino or \
             OVSEAL_OPENVINO",
            "install it with pip install openvino, or specify its directory with OVSEAL_OPENVINO",
        );
        matches!(self, Self::NotFound { .. }).then(|| hint.to_owned())
    }
}

impl Explain for SealedModelError {
    fn code(&self) -> Code {
        match self {
            Self::Open(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::SeveralModels { .. } => Code::SeveralModels,
            Self::NoModel
            | Self::NotAModel { .. }
            | Self::Compiled { .. }
            | Self::NoCompiledModel
            | Self::NotCompiled { .. } => Code::NotAModel,
            error => Code::rest(error.kind()),
        }
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = match (self, to) {
            (Self::Open(error), _) => return error.hint(to),
            (Self::Model(error), _) => return error.hint(to),
            (Self::SeveralModels { .. }, _) => {
                to.say("choose one with --part PATH", "specify which part to load")
            }
            (Self::FixedShapes, _) => to.say("leave out --shape", "leave out the shapes"),
            (Self::NoModel, FrontEnd::Command) => "ovseal inspect FILE with a key option shows the parts",
            (Self::Compiled { .. }, FrontEnd::Library) => "use import_model",
            (Self::NoCompiledModel | Self::NotCompiled { .. }, FrontEnd::Library) => {
                "use compile_model or read_model for a network"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Explain for NetworkError {
    fn code(&self) -> Code {
        match self {
            Self::Runtime(error) => error.code(),
            Self::Memory(_) => Code::Memory,
            Self::WritesModel { .. } => Code::WritesModel,
            error => Code::rest(error.kind()),
        }
    }

    fn hint(&self, _: FrontEnd) -> Option<String> {
        match self {
            Self::WritesModel { .. } => {
                Some("use this library's own cache: it keeps compiled models sealed".into())
            }
            Self::UnknownInput { inputs, .. } => Some(format!("its inputs: {}", inputs.join(", "))),
            _ => None,
        }
    }
}

impl Explain for TensorError {
    fn code(&self) -> Code {
        match self {
            Self::Runtime(error) => error.code(),
            error => Code::rest(error.kind()),
        }
    }
}

impl Explain for CacheError {
    fn code(&self) -> Code {
        match self {
            Self::Container(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::Device(_) | Self::Export(_) => Code::Runtime,
            _ => Code::Environment,
        }
    }
}
