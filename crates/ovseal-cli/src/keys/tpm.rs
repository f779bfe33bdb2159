//! This device's TPM: its options, and the device and bounds that they select.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ovseal::without_line_ending;
use ovseal_frontend::state_directory;
use ovseal_hardware::tpm2::{Bounds, Device, DeviceIdentity, PcrDemand, PcrList, PcrListError, Tpm};
use ovseal_memory::SecretBytes;

use super::{Inputs, Source};
use crate::errors::CommandError;
use crate::ui::prompt;

/// The device's TPM and the directory of its files.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub(crate) struct DeviceOptions {
    /// Use this TPM, in the TPM software stack's notation [default: OVSEAL_TCTI, or
    /// device:/dev/tpmrm0]
    #[arg(long, value_name = "TCTI", help_heading = "Device options")]
    pub(crate) tcti: Option<String>,

    /// Keep the device's files in DIR [default: ovseal in XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "DIR", help_heading = "Device options")]
    pub(crate) state: Option<PathBuf>,
}

/// The PIN of the device's key.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(crate) struct PinOptions {
    /// Read the PIN of the device's key from a file instead of asking; a single trailing newline is
    /// ignored
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Device options")]
    pub(crate) tpm_pin_file: Option<Source>,
}

/// A requirement of a device's stanza in addition to its TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Requirement {
    /// TPM and passphrase, both needed
    #[value(name = "tpm2+passphrase")]
    Tpm2AndPassphrase,
}

/// Bounds on a device's stanza, enforced by its TPM.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(crate) struct BoundOptions {
    /// Let devices open the container only up to epoch N
    #[arg(long, value_name = "N", help_heading = "Device options")]
    pub(crate) until_epoch: Option<u64>,

    /// Let devices open the container only while their TPM's clock is below TIME, in milliseconds
    ///
    /// bind also accepts a time from now, such as +90d, +12h, +30m or +10s. The clock runs only
    /// while the device is on.
    #[arg(long, value_name = "TIME", value_parser = ClockBound::parse, help_heading = "Device options")]
    pub(crate) until_clock: Option<ClockBound>,
}

/// A time of a TPM's clock, which counts while the device is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockBound {
    /// Milliseconds of the clock.
    At(u64),
    /// Milliseconds from now.
    FromNow(u64),
}

impl ClockBound {
    fn parse(text: &str) -> Result<Self, String> {
        let mistake =
            || "expected milliseconds, or a time from now such as +90d, +12h, +30m or +10s".to_owned();
        let Some(span) = text.strip_prefix('+') else {
            return text.parse().map(Self::At).map_err(|_| mistake());
        };
        let unit = match span.chars().next_back() {
            Some('d') => 86_400_000,
            Some('h') => 3_600_000,
            Some('m') => 60_000,
            Some('s') => 1000,
            _ => return Err(mistake()),
        };
        let number: Option<u64> = span.get(..span.len() - 1).and_then(|number| number.parse().ok());
        number.and_then(|number| number.checked_mul(unit)).map(Self::FromNow).ok_or_else(mistake)
    }
}

const PIN_LIMIT: usize = 1024;

/// Returns the TPM that `options` or `OVSEAL_TCTI` specify.
///
/// # Errors
/// Fails if the name is malformed.
pub(crate) fn tpm(options: &DeviceOptions) -> Result<Tpm, CommandError> {
    Ok(ovseal_frontend::tpm(options.tcti.as_deref())?)
}

/// Returns the directory of the device's files.
///
/// # Errors
/// Fails if no directory is specified and there is no home directory.
pub(crate) fn directory(options: &DeviceOptions) -> Result<PathBuf, CommandError> {
    options.state.clone().or_else(state_directory).ok_or_else(|| {
        CommandError::usage(
            "no directory for the device's files: set XDG_STATE_HOME or HOME to an absolute path",
        )
        .hint("or specify the directory with --state DIR")
    })
}

/// Returns whether this device is enrolled.
pub(crate) fn is_enrolled(options: &DeviceOptions) -> bool {
    directory(options).is_ok_and(|directory| Device::is_enrolled(&directory))
}

/// Returns this device.
///
/// # Errors
/// Fails if the device is not enrolled, or its file is damaged.
pub(crate) fn device(options: &DeviceOptions) -> Result<Device, CommandError> {
    Ok(Device::load(&directory(options)?)?)
}

/// Returns this device's id, if it is enrolled and its file can be read.
pub(crate) fn enrolled_id(options: &DeviceOptions) -> Option<[u8; 32]> {
    device(options).ok().map(|device| device.id())
}

/// Returns this device as an identity. If its key has a PIN, asks for it at the terminal.
///
/// # Errors
/// Fails if the device is not enrolled, or the PIN cannot be read.
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

/// Returns a new PIN as the options require, or `None` if there is to be none.
///
/// # Errors
/// Fails if the PIN cannot be read, or the two answers differ.
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

/// Strips a single trailing newline.
fn strip(bytes: &SecretBytes) -> Result<&[u8], CommandError> {
    match without_line_ending(bytes.expose()) {
        [] => Err(CommandError::usage("the PIN is empty")),
        pin => Ok(pin),
    }
}

/// Parses a list of PCRs without values.
///
/// # Errors
/// Fails if `text` is not such a list.
pub(crate) fn pcr_list(text: &str) -> Result<PcrList, CommandError> {
    Ok(PcrDemand::parse(text)?.list().ok_or(PcrListError)?)
}

/// Returns the bounds on a device's stanza. `tpm` is given if the stanza is for this device.
///
/// # Errors
/// Fails if a time from now is given without `tpm`, or the TPM does not answer.
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
        (Some(ClockBound::FromNow(_)), None) => {
            Err(CommandError::usage("a time from now works only for this device")
                .hint("give milliseconds of the other device's clock; ovseal device status shows it there"))
        }
    }
}

/// Returns the first digits of a device's id, enough to tell devices apart.
pub(crate) fn short_id(id: &[u8; 32]) -> String {
    base16ct::lower::encode_string(&id[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_milliseconds_or_a_time_from_now() {
        assert_eq!(ClockBound::parse("1500"), Ok(ClockBound::At(1500)));
        assert_eq!(ClockBound::parse("+10s"), Ok(ClockBound::FromNow(10_000)));
        assert_eq!(ClockBound::parse("+90d"), Ok(ClockBound::FromNow(7_776_000_000)));
        for text in
            ["", "+", "+d", "+1", "-1", "+1w", "+1ä", "1d", "+99999999999999999999d", "+999999999999999d"]
        {
            assert!(ClockBound::parse(text).is_err(), "{text}");
        }
    }
}
