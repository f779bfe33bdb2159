//! OpenVINO's own words about a failure, and what helps.

use std::error::Error;

use ovseal_openvino::{Cause, Core, ModelError, OpenVinoError, Operation, SealedModelError, TensorError};

use crate::errors::CommandError;

/// Adds advice, and OpenVINO's words where they may be shown: those about a sealed model may quote it.
pub(super) fn explained(error: CommandError, shows_words: bool) -> CommandError {
    let Some(refusal) = error.causes().find_map(refusal) else { return error };
    let hint = hint(refusal);
    let words = refusal.detail().map(str::to_owned);
    let error = error.hints(hint.map(str::to_owned));
    match words {
        Some(words) if shows_words => error.details(&words),
        Some(_) => error.hint("--show-detail shows OpenVINO's own words, which may quote the model"),
        None => error,
    }
}

/// The error of loading a device's plugin, with the devices that there are.
pub(super) fn no_device(core: &Core, error: ModelError) -> CommandError {
    let devices = core.available_devices().unwrap_or_default();
    let error = CommandError::from(error);
    if devices.is_empty() { error } else { error.hint(format!("devices here: {}", devices.join(", "))) }
}

/// OpenVINO's refusal, if an error is one. The libraries' errors pass it on as themselves.
fn refusal<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e OpenVinoError> {
    let of_model = |error: &'e ModelError| match error {
        ModelError::Runtime(refusal) => Some(refusal),
        _ => None,
    };
    if let Some(SealedModelError::Model(error)) = error.downcast_ref() {
        return of_model(error);
    }
    if let Some(TensorError::Runtime(refusal)) = error.downcast_ref() {
        return Some(refusal);
    }
    error.downcast_ref().or_else(|| error.downcast_ref().and_then(of_model))
}

fn hint(refusal: &OpenVinoError) -> Option<&'static str> {
    Some(match refusal.cause()? {
        // What else could be given has a hint of its own there.
        _ if [Operation::Reshape, Operation::LoadDevice].contains(&refusal.operation()) => return None,
        Cause::Operation => {
            "the model needs a newer OpenVINO, another device, or an extension with operations of its own"
        }
        Cause::Shape => "set the shapes of inputs with --shape NAME=1,16",
        Cause::Memory => "free some memory, raise this process's limit, or use a smaller model",
        Cause::Threads => "raise the limit of processes and threads: ulimit -u, or pids.max of the cgroup",
        Cause::Descriptors => "raise the limit of open files: ulimit -n",
        Cause::Device => "ovseal doctor shows the runtime; a device needs its driver",
        _ => return None,
    })
}
