//! A safe wrapper around OpenVINO's C interface.

mod cause;
mod compiled;
mod core;
mod devices;
mod element_type;
mod error;
mod exported;
mod facts;
mod handle;
mod library;
mod network;
mod openvino_error;
mod port;
mod probe;
mod properties;
mod request;
mod shape;
mod tensor;
mod text;
mod weights;

pub use cause::Cause;
pub use compiled::CompiledModel;
pub use core::Core;
pub use element_type::ElementType;
pub use error::{NetworkError, TensorError};
pub use exported::ExportedModel;
pub use facts::{PluginFacts, RuntimeFacts};
pub use library::Runtime;
pub use network::Network;
pub use openvino_error::{OpenVinoError, Operation, Status};
pub use port::{InputKey, Port};
pub use properties::writes_model;
pub use request::InferRequest;
pub use shape::{Dimension, PartialShape};
pub use tensor::{Tensor, TensorView};
pub use weights::Weights;
