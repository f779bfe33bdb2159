//! Where the device's own keys are, and what bounds their use.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::input::Source;

/// The device's TPM and the folder of its files.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub(crate) struct DeviceOptions {
    /// The TPM, as the TPM software stack names it. Otherwise OVSEAL_TCTI names it, or it is device:/dev/tpmrm0
    #[arg(long, value_name = "TCTI", help_heading = "Device options")]
    pub(crate) tcti: Option<String>,

    /// The folder of the device's files. Otherwise ovseal in XDG_STATE_HOME, or in .local/state of the home folder
    #[arg(long, value_name = "DIR", help_heading = "Device options")]
    pub(crate) state: Option<PathBuf>,
}

/// The PIN of the device's key.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(crate) struct PinOptions {
    /// Takes the PIN of the device's key from a file instead of asking for it; one line ending at its end is left out
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Device options")]
    pub(crate) tpm_pin_file: Option<Source>,
}

/// What a device's stanza needs besides its TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Requirement {
    /// The TPM and the passphrase: neither of them alone opens it
    #[value(name = "tpm2+passphrase")]
    Tpm2AndPassphrase,
}

/// Bounds on what is sealed to a device, which its TPM enforces.
#[derive(Debug, Default, Args)]
#[group(skip)]
pub(crate) struct BoundOptions {
    /// Bounds what is sealed to devices: their epoch must not be past this one
    #[arg(long, value_name = "N", help_heading = "Device options")]
    pub(crate) until_epoch: Option<u64>,

    /// Bounds what is sealed to devices: the clock of their TPM must be below this number of milliseconds. For the device
    /// at hand also as time from now, such as +90d, +12h, +30m or +10s
    #[arg(long, value_name = "T", value_parser = ClockBound::parse, help_heading = "Device options")]
    pub(crate) until_clock: Option<ClockBound>,
}

/// Until when something holds, by a TPM's clock, which counts the time for which a device was switched on.
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
