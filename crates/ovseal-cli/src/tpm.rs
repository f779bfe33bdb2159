//! The device's TPM, from the device options.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use ovseal::without_line_ending;
use ovseal_hardware::tpm2::{
    Bounds, Device, DeviceIdentity, PcrDemand, PcrList, PcrListError, Tpm, default_folder,
};
use ovseal_memory::SecretBytes;

use crate::args::{BoundOptions, ClockBound, DeviceOptions, PinOptions};
use crate::error::CommandError;
use crate::input::Inputs;
use crate::prompt;

const PIN_LIMIT: usize = 1024;

/// The TPM that `options`, or else `OVSEAL_TCTI`, name.
///
/// # Errors
/// When the name can be none.
pub(crate) fn tpm(options: &DeviceOptions) -> Result<Tpm, CommandError> {
    Ok(Tpm::named(options.tcti.as_deref())?)
}

/// The folder of the device's files.
///
/// # Errors
/// When none is named and there is no home folder.
pub(crate) fn folder(options: &DeviceOptions) -> Result<PathBuf, CommandError> {
    let folder = options.state.clone().or_else(default_folder);
    folder.ok_or_else(|| {
        CommandError::usage("neither XDG_STATE_HOME nor HOME names a folder")
            .hint("name the folder of the device's files with --state DIR")
    })
}

/// Whether this device is enrolled.
pub(crate) fn is_enrolled(options: &DeviceOptions) -> bool {
    folder(options).is_ok_and(|folder| Device::is_enrolled(&folder))
}

/// This device.
///
/// # Errors
/// When it is not enrolled, or its file is damaged.
pub(crate) fn device(options: &DeviceOptions) -> Result<Device, CommandError> {
    Ok(Device::load(&folder(options)?)?)
}

/// The id of this device, if it is enrolled and its file can be read.
pub(crate) fn enrolled_id(options: &DeviceOptions) -> Option<[u8; 32]> {
    device(options).ok().map(|device| device.id())
}

/// This device as an identity; a person at a terminal is asked for the PIN if it has one.
///
/// # Errors
/// When the device is not enrolled, or the PIN cannot be read.
pub(crate) fn identity(
    options: &DeviceOptions,
    pin: &PinOptions,
    inputs: &mut Inputs,
) -> Result<DeviceIdentity, CommandError> {
    let device = device(options)?;
    let has_pin = device.has_pin();
    let identity = DeviceIdentity::new(device, tpm(options)?);
    match &pin.tpm_pin_file {
        Some(_) if !has_pin => Err(CommandError::usage("the device's key has no PIN")),
        Some(source) => Ok(identity.with_pin(strip(&inputs.secret(source, PIN_LIMIT)?)?)),
        None if has_pin && io::stdin().is_terminal() => {
            let answer = SecretBytes::from_slice(prompt::device_pin()?.as_bytes())?;
            Ok(identity.with_pin(strip(&answer)?))
        }
        None => Ok(identity),
    }
}

/// A new PIN, from its options; nothing when none is wanted.
///
/// # Errors
/// When it cannot be read, or the two answers differ.
pub(crate) fn new_pin(
    ask: bool,
    options: &PinOptions,
    inputs: &mut Inputs,
) -> Result<Option<SecretBytes>, CommandError> {
    let bytes = match &options.tpm_pin_file {
        Some(source) => inputs.secret(source, PIN_LIMIT)?,
        None if ask => SecretBytes::from_slice(prompt::new_device_pin()?.as_bytes())?,
        None => return Ok(None),
    };
    Ok(Some(SecretBytes::from_slice(strip(&bytes)?)?))
}

/// A PIN without one line ending at its end.
fn strip(bytes: &SecretBytes) -> Result<&[u8], CommandError> {
    match without_line_ending(bytes.expose()) {
        [] => Err(CommandError::usage("the PIN is empty")),
        pin => Ok(pin),
    }
}

/// Registers that are named without values.
///
/// # Errors
/// When the text is no such list.
pub(crate) fn pcr_list(text: &str) -> Result<PcrList, CommandError> {
    Ok(PcrDemand::parse(text)?.list().ok_or(PcrListError)?)
}

/// The bounds on what is sealed to a device; `tpm` is that of the device at hand, if there is one.
///
/// # Errors
/// When a time from now is given without a TPM whose clock is known, or it does not answer.
pub(crate) fn bounds(options: &BoundOptions, tpm: Option<&Tpm>) -> Result<Bounds, CommandError> {
    let mut bounds = Bounds::default();
    if let Some(epoch) = options.until_epoch {
        bounds = bounds.epoch_at_most(epoch);
    }
    match (options.until_clock, tpm) {
        (None, _) => Ok(bounds),
        (Some(ClockBound::At(limit)), _) => Ok(bounds.clock_below(limit)),
        (Some(ClockBound::FromNow(span)), Some(tpm)) => {
            Ok(bounds.clock_below(tpm.clock()?.saturating_add(span)))
        }
        (Some(ClockBound::FromNow(_)), None) => Err(CommandError::usage(
            "a time from now is for the device at hand",
        )
        .hint("give the bound in milliseconds of the device's clock: ovseal device status shows it there")),
    }
}

/// The first digits of a device's id, enough to tell devices apart.
pub(crate) fn short_id(id: &[u8; 32]) -> String {
    base16ct::lower::encode_string(&id[..8])
}
