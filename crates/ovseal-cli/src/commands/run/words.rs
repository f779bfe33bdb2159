//! OpenVINO's message about a failure, and advice.

use std::error::Error;

use ovseal_openvino::{Cause, Core, NetworkError, OpenVinoError, Operation, SealedModelError, TensorError};

use crate::errors::{CommandError, Kind};

/// Adds advice, and OpenVINO's message if it may be shown: it may quote a sealed model.
pub(super) fn explained(error: CommandError, shows_words: bool) -> CommandError {
    let Some(refusal) = error.causes().find_map(refusal) else { return error };
    let (hint, operation) = (hint(refusal), refusal.operation());
    let words = refusal.detail().map(str::to_owned);
    let error = error.hints(hint.map(str::to_owned));
    let error = if operation == Operation::Reshape { error.of_kind(Kind::Usage) } else { error };
    match words {
        Some(words) if shows_words => error.details(&words),
        Some(_) => error.hint("use --show-detail to see OpenVINO's own message, which may quote the model"),
        None => error,
    }
}

/// Converts the error of loading a device's plugin, and lists the devices of this machine.
pub(super) fn no_device(core: &Core, error: NetworkError) -> CommandError {
    let devices = core.available_devices().unwrap_or_default();
    let error = CommandError::from(error);
    if devices.is_empty() { error } else { error.hint(format!("devices here: {}", devices.join(", "))) }
}

/// Returns OpenVINO's error, if this is one, or if it is an error of the library that contains one.
fn refusal<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e OpenVinoError> {
    if let Some(TensorError::Runtime(refusal)) = error.downcast_ref() {
        return Some(refusal);
    }
    let network = match error.downcast_ref() {
        Some(SealedModelError::Model(error)) => Some(error),
        _ => error.downcast_ref(),
    };
    match network {
        Some(NetworkError::Runtime(refusal)) => Some(refusal),
        _ => error.downcast_ref(),
    }
}

fn hint(refusal: &OpenVinoError) -> Option<&'static str> {
    match refusal.operation() {
        Operation::Reshape => return Some("the model does not support the shapes of --shape"),
        // The available devices are its hint.
        Operation::LoadDevice => return None,
        _ => {}
    }
    Some(match refusal.cause()? {
        Cause::Operation => "use a newer OpenVINO, another device, or an extension that adds the operation",
        Cause::Shape => "set the shapes of inputs with --shape NAME=1,16",
        Cause::Memory => "free some memory, raise this process's limit, or use a smaller model",
        Cause::Threads => "raise the limit of processes and threads: ulimit -u, or pids.max of the cgroup",
        Cause::Descriptors => "raise the limit of open files: ulimit -n",
        Cause::Device => "ovseal doctor shows the runtime; a device needs its driver",
        _ => return None,
    })
}
