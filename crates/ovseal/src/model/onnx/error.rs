//! The error of reading an ONNX model.

use ovseal_format::error_kind::ErrorKind;
use ovseal_format::part_path::PartPath;

/// An ONNX model is malformed or has a forbidden reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// It is not a well-formed ONNX model.
    #[error("it is not a well-formed ONNX model")]
    Malformed,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(std::io::ErrorKind),
    /// It refers to an address in memory.
    #[error("it refers to an address in memory")]
    MemoryAddress,
    /// It refers to a file outside its directory.
    #[error("it refers to a file outside its directory")]
    Outside,
    /// It refers to a file that is not part of the model.
    #[error("it refers to {path}, which is not part of the model")]
    MissingFile {
        /// The file.
        path: PartPath,
    },
    /// It refers to bytes beyond the end of a file.
    #[error("it refers to bytes beyond the end of {path}")]
    OutOfBounds {
        /// The file.
        path: PartPath,
    },
    /// The length of a tensor's data does not match its shape and type.
    #[error("the length of a tensor's data does not match its shape and type")]
    WrongLength,
    /// A tensor has its data in another file, but the runtime cannot read its type from memory.
    #[error(
        "it keeps a tensor of type {data_type} in another file, and that type cannot be read from memory"
    )]
    UnsupportedTensor {
        /// The type's number in `TensorProto.DataType`; for a segment, the type of the segment.
        data_type: i32,
    },
    /// The model without its weights is larger than the runtime accepts.
    #[error("without its weights it is still larger than 2 GiB")]
    TooLarge,
}

impl OnnxError {
    /// Returns the kind of the error, if an authentic model cannot be opened.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::UnsupportedTensor { .. } | Self::TooLarge => ErrorKind::Unsupported,
            _ => ErrorKind::NotAuthentic,
        }
    }
}
