//! References of an ONNX model to other files.
//!
//! ONNX tensors may keep their data in other files. When the model comes from memory, OpenVINO
//! resolves such a reference relative to the working directory. It also accepts a special location
//! that stands for an address in memory, without any check. So a model is sealed and opened only if
//! each reference points to a part of the same container. To open it, a [`Skeleton`] replaces each
//! reference with that location and an address in the memory of the part.

mod error;
mod input;
mod reference;
mod skeleton;
mod tensor;
#[cfg(test)]
mod testing;
mod walk;
pub(super) mod wire;

pub use error::OnnxError;
pub use reference::{Reference, check_references, references};
pub(super) use reference::{named_parts, references_of_file};
pub use skeleton::{Pointer, Skeleton};

/// String in every location that stands for an address in memory.
const MEMORY_ADDRESS: &str = "_ORT_MEM_ADDR_";

/// Location whose offset is an address in memory.
const MEMORY_ADDRESS_LOCATION: &str = "*/_ORT_MEM_ADDR_/*";
