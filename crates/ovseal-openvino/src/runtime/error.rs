//! Errors of networks and tensors.

use std::ffi::CString;

use ovseal::ErrorKind;

use super::element_type::ElementType;
use super::openvino_error::OpenVinoError;

/// The error for a network that could not be read, reshaped, compiled, exported or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The runtime reported an error.
    #[error(transparent)]
    Runtime(#[from] OpenVinoError),
    /// There is nothing to read.
    #[error("the {what} is empty")]
    Empty {
        /// `topology` or `exported model`.
        what: &'static str,
    },
    /// The topology contains addresses at which the runtime would read memory.
    #[error("the topology contains addresses in memory")]
    PointsAtMemory,
    /// A string for the runtime contains a zero byte.
    #[error("the {what} contains a zero byte")]
    ZeroByte {
        /// The string's meaning.
        what: &'static str,
    },
    /// A property would make the runtime write the model and its weights to disk in plaintext.
    #[error("property {name} is not allowed: it would write the model to disk")]
    WritesModel {
        /// The property's name.
        name: String,
    },
    /// The network has no such input.
    #[error("the model has no input {name}")]
    UnknownInput {
        /// The requested name.
        name: String,
        /// The names of its inputs.
        inputs: Vec<String>,
    },
    /// An input was to be given the shape of a scalar or an unknown rank, which the C interface
    /// cannot express.
    #[error("input {name} needs a shape with at least one axis")]
    NoAxes {
        /// The input's name.
        name: String,
    },
    /// An input or output has a type that is newer than this crate.
    #[error("element type {number} is unknown")]
    UnknownElementType {
        /// The runtime's number for the type.
        number: u32,
    },
    /// There is not enough memory for an exported model.
    #[error("not enough memory for the exported model")]
    Memory(#[source] rustix::io::Errno),
}

impl NetworkError {
    /// Returns the kind of the error, which says whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownInput { .. } | Self::NoAxes { .. } | Self::ZeroByte { .. } => ErrorKind::Usage,
            Self::WritesModel { .. } => ErrorKind::Usage,
            Self::Empty { .. } | Self::PointsAtMemory => ErrorKind::NotAuthentic,
            Self::Runtime(_) | Self::UnknownElementType { .. } | Self::Memory(_) => ErrorKind::Environment,
        }
    }
}

/// The error for a tensor that could not be created, set or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The runtime reported an error.
    #[error(transparent)]
    Runtime(#[from] OpenVinoError),
    /// Tensors of this type have no plain bytes.
    #[error("tensors of type {0} are not supported")]
    Unsupported(ElementType),
    /// The type is newer than this crate.
    #[error("element type {number} is unknown")]
    UnknownElementType {
        /// The runtime's number for the type.
        number: u32,
    },
    /// The tensor would not fit into the address space.
    #[error("a tensor of this shape is too large")]
    TooLarge,
    /// There is no output, because no inference has succeeded.
    #[error("there is no output before an inference has succeeded")]
    NotInferred,
    /// A name contains a zero byte.
    #[error("the input's name contains a zero byte")]
    ZeroByte,
    /// The model has no such input.
    #[error("the model has no input {name}")]
    UnknownInput {
        /// The requested name or number.
        name: String,
    },
}

impl TensorError {
    /// Returns the kind of the error, which says whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownInput { .. } | Self::ZeroByte | Self::NotInferred => ErrorKind::Usage,
            Self::Unsupported(_) | Self::TooLarge => ErrorKind::Usage,
            Self::Runtime(_) | Self::UnknownElementType { .. } => ErrorKind::Environment,
        }
    }
}

/// Converts a string for the C interface. The error for a zero byte shows `what`, the string's
/// meaning.
pub(crate) fn c_string(what: &'static str, text: impl Into<Vec<u8>>) -> Result<CString, NetworkError> {
    CString::new(text).map_err(|_| NetworkError::ZeroByte { what })
}
