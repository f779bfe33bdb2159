//! Errors of the runtime.

use std::fmt;

use openvino_sys::ov_status_e;

use super::cause::Cause;
use super::text;

/// An operation that the runtime could not carry out.
///
/// The runtime's message may quote the model: layer names, shapes, even pieces of the topology.
/// Topologies are secret here, and errors end up in logs. `Display` and `Debug` therefore do
/// not show the message. To debug your own model, call [`OpenVinoError::detail`].
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("OpenVINO could not {operation}: {}", reason(*.cause, *.status))]
pub struct OpenVinoError {
    operation: Operation,
    status: Status,
    cause: Option<Cause>,
    detail: Option<String>,
}

impl OpenVinoError {
    /// Creates the error for a call that reported success but returned nothing. The runtime never
    /// does that.
    pub(crate) fn without_object(operation: Operation) -> Self {
        Self { operation, status: Status(ov_status_e::UNEXPECTED as i32), cause: None, detail: None }
    }

    /// Returns the operation that failed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Returns the runtime's status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns the kind of cause, if the runtime's message shows it.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Returns the runtime's message, at most 4096 characters. **It may quote the plaintext of the
    /// model.**
    ///
    /// The runtime keeps one last message for the whole process. If several threads fail at the
    /// same time, the message may belong to another thread's failure.
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

/// An operation of the runtime.
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
    /// Describe the inputs and outputs of a network.
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
    /// Create an inference request.
    CreateRequest,
    /// Set an input of an inference.
    SetInput,
    /// Infer.
    Infer,
    /// Return an output.
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
            Self::InspectModel => "return the compiled model's property",
            Self::Reshape => "reshape the model",
            Self::Compile => "compile the model",
            Self::Import => "import the compiled model",
            Self::Export => "export the compiled model",
            Self::Tensor => "create a tensor",
            Self::CreateRequest => "create an inference request",
            Self::SetInput => "accept the input",
            Self::Infer => "infer",
            Self::TakeOutput => "return the output",
        })
    }
}

/// A status of OpenVINO's C interface (`ov_status_e`) other than success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(i32);

impl Status {
    /// Returns the negative number of the status in OpenVINO's header.
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

/// Converts a status into a result.
pub(crate) fn check(operation: Operation, status: ov_status_e) -> Result<(), OpenVinoError> {
    if status == ov_status_e::OK {
        return Ok(());
    }
    // SAFETY: a status comes from a call into the library, so the library is loaded.
    let message = unsafe { openvino_sys::ov_get_last_err_msg() };
    // SAFETY: the runtime returns null, or a copy of its last message for the caller to free.
    let detail = unsafe { text::take(message) };
    // The runtime has no message for a device that it does not know.
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
    fn the_runtimes_message_is_shown_by_detail_only() {
        let detail = Some("layer secret_17".to_owned());
        let error = OpenVinoError { operation: Operation::Compile, status: Status(-1), cause: None, detail };
        assert_eq!(error.to_string(), "OpenVINO could not compile the model: general error (-1)");
        let told = OpenVinoError { cause: Some(Cause::Memory), ..error.clone() };
        assert_eq!(told.to_string(), "OpenVINO could not compile the model: out of memory");
        assert_eq!(format!("{error:?}"), "OpenVinoError(Compile, Status(-1), ..)");
        assert_eq!(error.detail(), Some("layer secret_17"));
    }
}
