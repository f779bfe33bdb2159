//! Why a call into the runtime failed.

use std::fmt;

use openvino_sys::ov_status_e;
use ovseal::ErrorKind;

use crate::cause::Cause;
use crate::element_type::ElementType;
use crate::text;

/// Says that the runtime refused an operation.
///
/// The runtime's own words may quote the model: names of layers, shapes, even pieces of the topology. Topologies are
/// secret here, and error messages end up in logs. So neither `Display` nor `Debug` shows them; whoever debugs a model
/// of his own asks for [`OpenVinoError::detail`].
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("OpenVINO could not {operation}: {}", reason(*.cause, *.status))]
pub struct OpenVinoError {
    operation: Operation,
    status: Status,
    cause: Option<Cause>,
    detail: Option<String>,
}

impl OpenVinoError {
    /// Says that the runtime reported success and gave nothing, which it never does.
    pub(crate) fn without_object(operation: Operation) -> Self {
        Self { operation, status: Status(ov_status_e::UNEXPECTED as i32), cause: None, detail: None }
    }

    /// Returns what was tried.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Returns the runtime's status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns the kind of cause, if the runtime's words tell it.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Returns the runtime's own words, at most 4096 characters. **They may quote the plaintext of the model.**
    ///
    /// The runtime keeps one last message for the whole process: when several threads fail at once, it may be another's.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

fn reason(cause: Option<Cause>, status: Status) -> String {
    cause.map_or_else(|| status.to_string(), |cause| cause.to_string())
}

impl fmt::Debug for OpenVinoError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OpenVinoError({:?}, {:?}, ..)", self.operation, self.status)
    }
}

/// Names what the runtime was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Start the runtime.
    CreateCore,
    /// List the devices.
    ListDevices,
    /// Load a device's plugin.
    LoadDevice,
    /// Read a topology and its weights.
    ReadModel,
    /// Read the inputs and outputs of a network.
    InspectPorts,
    /// Read a property of a compiled network.
    InspectModel,
    /// Change the shapes of inputs.
    Reshape,
    /// Compile a network for a device.
    Compile,
    /// Import a compiled network.
    Import,
    /// Export a compiled network.
    Export,
    /// Allocate or inspect a tensor.
    Tensor,
    /// Prepare inferences.
    CreateRequest,
    /// Give an input to an inference.
    SetInput,
    /// Infer.
    Infer,
    /// Take an output.
    TakeOutput,
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CreateCore => "start",
            Self::ListDevices => "list its devices",
            Self::LoadDevice => "load the device",
            Self::ReadModel => "read the model",
            Self::InspectPorts => "describe the model's inputs and outputs",
            Self::InspectModel => "give the compiled model's property",
            Self::Reshape => "reshape the model",
            Self::Compile => "compile the model",
            Self::Import => "import the compiled model",
            Self::Export => "export the compiled model",
            Self::Tensor => "make a tensor",
            Self::CreateRequest => "prepare an inference",
            Self::SetInput => "take the input",
            Self::Infer => "infer",
            Self::TakeOutput => "give the output",
        })
    }
}

/// A status of OpenVINO's C interface (`ov_status_e`), never that of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(i32);

impl Status {
    /// Returns the negative number that OpenVINO's header gives to the status.
    #[must_use]
    pub fn code(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            -1 => "general error",
            -2 => "not implemented",
            -3 => "network not loaded",
            -4 => "parameter mismatch",
            -5 => "not found",
            -6 => "out of bounds",
            -7 => "unexpected error",
            -8 => "request busy",
            -9 => "result not ready",
            -10 => "not allocated",
            -11 => "inference not started",
            -12 => "network not read",
            -13 => "inference cancelled",
            -14 => "invalid parameter",
            _ => "unknown error",
        };
        write!(formatter, "{name} ({})", self.0)
    }
}

/// Says why a model could not be read, reshaped, compiled, exported or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The runtime refused.
    #[error(transparent)]
    Runtime(#[from] OpenVinoError),
    /// There is nothing to read.
    #[error("the {what} is empty")]
    Empty {
        /// `topology` or `exported model`.
        what: &'static str,
    },
    /// The topology tells the runtime to read memory at addresses that it names.
    #[error("the topology points at addresses in memory")]
    PointsAtMemory,
    /// A text for the runtime contains a zero byte.
    #[error("the {what} contains a zero byte")]
    ZeroByte {
        /// Which text.
        what: &'static str,
    },
    /// A property would make the runtime keep a compiled model, with its weights, in plaintext on disk.
    #[error("property {name} is refused: it would write the model to disk")]
    WritesModel {
        /// The property's name.
        name: String,
    },
    /// The model has no such input.
    #[error("the model has no input {name}")]
    UnknownInput {
        /// The name that was asked for.
        name: String,
    },
    /// The runtime's C interface can make an input neither a scalar nor unranked.
    #[error("input {name} cannot be given a shape without axes")]
    NoAxes {
        /// The input's name.
        name: String,
    },
    /// A type of an input or output is newer than this crate.
    #[error("element type {number} is unknown")]
    UnknownElementType {
        /// The runtime's number for the type.
        number: u32,
    },
    /// Memory for an exported model could not be had.
    #[error("no memory for the exported model")]
    Memory(#[source] rustix::io::Errno),
}

impl ModelError {
    /// Whose fault it is.
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

/// Says why a tensor could not be made, set or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The runtime refused.
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
    /// There is no output, since no inference has succeeded.
    #[error("there is no output before an inference has succeeded")]
    NotInferred,
    /// A name contains a zero byte.
    #[error("the input's name contains a zero byte")]
    ZeroByte,
    /// The model has no such input.
    #[error("the model has no input {name}")]
    UnknownInput {
        /// The name or number that was asked for.
        name: String,
    },
}

impl TensorError {
    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownInput { .. } | Self::ZeroByte | Self::NotInferred => ErrorKind::Usage,
            Self::Unsupported(_) | Self::TooLarge => ErrorKind::Usage,
            Self::Runtime(_) | Self::UnknownElementType { .. } => ErrorKind::Environment,
        }
    }
}

/// Turns a status into a result.
pub(crate) fn check(operation: Operation, status: ov_status_e) -> Result<(), OpenVinoError> {
    if status == ov_status_e::OK {
        return Ok(());
    }
    // SAFETY: whoever has a status has called the library, so it is loaded.
    let message = unsafe { openvino_sys::ov_get_last_err_msg() };
    // SAFETY: the runtime gives away a copy of its last message, or null.
    let detail = unsafe { text::take(message) };
    // Of a device that it does not know the runtime says only that.
    let unknown = (operation == Operation::LoadDevice).then_some(Cause::Device);
    let cause = detail.as_deref().and_then(Cause::of).or(unknown);
    let detail = detail.map(|words| words.chars().take(LONGEST_DETAIL).collect());
    Err(OpenVinoError { operation, status: Status(status as i32), cause, detail })
}

const LONGEST_DETAIL: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_words_are_shown_by_detail_only() {
        let detail = Some("layer secret_17".to_owned());
        let error = OpenVinoError { operation: Operation::Compile, status: Status(-1), cause: None, detail };
        assert_eq!(error.to_string(), "OpenVINO could not compile the model: general error (-1)");
        let told = OpenVinoError { cause: Some(Cause::Memory), ..error.clone() };
        assert_eq!(told.to_string(), "OpenVINO could not compile the model: out of memory");
        assert_eq!(format!("{error:?}"), "OpenVinoError(Compile, Status(-1), ..)");
        assert_eq!(error.detail(), Some("layer secret_17"));
    }
}
