//! The state of a TPM, and of a device enrolled with it.

use super::device::Device;
use super::error::TpmError;
use super::pcr::{PcrList, PcrValues};
use super::tss::FIXED;
use super::worker::Tpm;

/// A TPM's description and state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TpmStatus {
    /// The maker, four characters such as `IBM`.
    pub maker: String,
    /// The maker's model, up to 16 characters.
    pub model: String,
    /// The firmware version, 64 bits in the maker's order.
    pub firmware: u64,
    /// True if wrong PINs have locked the TPM.
    pub is_locked: bool,
    /// Number of wrong PINs and unclean power-offs that count at present.
    pub failures: u32,
    /// Number of wrong PINs and unclean power-offs that locks the TPM.
    pub failures_limit: u32,
    /// Seconds after which the TPM forgets one wrong PIN or unclean power-off.
    pub recovery_seconds: u32,
    /// The hash algorithms of the PCR banks in use, by name or number.
    pub pcr_banks: Vec<String>,
    /// The clock: milliseconds of power-on time since the TPM was cleared.
    pub clock: u64,
}

impl Tpm {
    /// Reads the TPM's description and state.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn status(&self) -> Result<TpmStatus, TpmError> {
        self.run(|esys| {
            let fixed = esys.properties(FIXED, 64)?;
            let variable = esys.properties(VARIABLE, 64)?;
            let value = |list: &[(u32, u32)], wanted: u32| {
                list.iter().find(|(property, _)| *property == wanted).map_or(0, |(_, value)| *value)
            };
            let texts =
                [MODEL, MODEL + 1, MODEL + 2, MODEL + 3].map(|property| text(value(&fixed, property)));
            Ok(TpmStatus {
                maker: text(value(&fixed, MAKER)),
                model: texts.concat().trim().to_owned(),
                firmware: u64::from(value(&fixed, FIRMWARE)) << 32 | u64::from(value(&fixed, FIRMWARE + 1)),
                is_locked: value(&variable, PERMANENT) & IN_LOCKOUT != 0,
                failures: value(&variable, LOCKOUT_COUNTER),
                failures_limit: value(&variable, LOCKOUT_COUNTER + 1),
                recovery_seconds: value(&variable, LOCKOUT_COUNTER + 2),
                pcr_banks: esys.pcr_banks()?.into_iter().map(bank).collect(),
                clock: esys.clock()?,
            })
        })
    }

    /// Reads PCRs of the SHA-256 bank.
    ///
    /// # Errors
    /// [`TpmError`], including [`TpmError::NoPcr`] if the bank is not in use.
    pub fn pcr_values(&self, list: &PcrList) -> Result<PcrValues, TpmError> {
        let list = list.clone();
        self.run(move |esys| esys.read_pcr(&list))
    }

    /// Reads the TPM's clock in milliseconds.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn clock(&self) -> Result<u64, TpmError> {
        self.run(|esys| esys.clock())
    }
}

impl Device {
    /// Reads the device's epoch.
    ///
    /// # Errors
    /// [`TpmError`], for example if this is not the device's TPM.
    pub fn epoch(&self, tpm: &Tpm) -> Result<u64, TpmError> {
        let (parent, counter) = (self.parent.clone(), self.counter);
        tpm.run(move |esys| {
            parent.open(esys)?;
            esys.read_counter(&esys.counter(counter)?, None)
        })
    }

    /// Starts the next epoch and returns it. Stanzas for earlier epochs never open again.
    ///
    /// # Errors
    /// [`TpmError`], for example if this is not the device's TPM.
    pub fn advance_epoch(&self, tpm: &Tpm) -> Result<u64, TpmError> {
        let (parent, counter) = (self.parent.clone(), self.counter);
        tpm.run(move |esys| {
            parent.open(esys)?;
            let counter = esys.counter(counter)?;
            esys.increment(&counter, None)?;
            esys.read_counter(&counter, None)
        })
    }
}

/// Decodes four characters in a number, without the unprintable ones.
fn text(number: u32) -> String {
    let characters = number.to_be_bytes().map(char::from);
    characters.into_iter().filter(|character| character.is_ascii_graphic() || *character == ' ').collect()
}

fn bank(algorithm: u16) -> String {
    match algorithm {
        0x0004 => "sha1".to_owned(),
        0x000b => "sha256".to_owned(),
        0x000c => "sha384".to_owned(),
        0x000d => "sha512".to_owned(),
        0x0012 => "sm3_256".to_owned(),
        other => format!("{other:#06x}"),
    }
}

const MAKER: u32 = 0x105;
const MODEL: u32 = 0x106;
const FIRMWARE: u32 = 0x10b;
const VARIABLE: u32 = 0x200;
const PERMANENT: u32 = 0x200;
const IN_LOCKOUT: u32 = 1 << 9;
const LOCKOUT_COUNTER: u32 = 0x20e;
