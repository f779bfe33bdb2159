//! The device's TPM as an identity.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ovseal::{Context, DataKey, Identity, Passphrase, Stanza, UnwrapError, symmetric};
use ovseal_memory::{Parked, Secret};

use super::combined::CombinedIdentity;
use super::device::{Device, DeviceError};
use super::error::TpmError;
use super::open::{Caller, pin_value};
use super::stanza::{TPM2, Tpm2Parameters};
use super::worker::Tpm;

/// A device with its TPM: it unwraps what is sealed to the device's recipient.
///
/// The TPM is asked only when a stanza is for this device.
///
/// Clones share the TPM's connection and the PIN. A PIN that the TPM refused is not tried again: too many of them lock it.
#[derive(Clone, Debug)]
pub struct DeviceIdentity {
    device: Device,
    tpm: Tpm,
    pin: Option<Arc<Parked<Secret<32>>>>,
    is_refused: Arc<AtomicBool>,
}

impl DeviceIdentity {
    /// The identity of an enrolled device.
    pub fn new(device: Device, tpm: Tpm) -> Self {
        Self { device, tpm, pin: None, is_refused: Arc::default() }
    }

    /// The same, with the PIN of the device's key.
    #[must_use]
    pub fn with_pin(self, pin: &[u8]) -> Self {
        Self { pin: Some(Arc::new(Parked::new(pin_value(pin)))), is_refused: Arc::default(), ..self }
    }

    /// The same together with a passphrase: for what is sealed to both of them.
    #[must_use]
    pub fn with_passphrase(self, passphrase: Passphrase) -> CombinedIdentity {
        CombinedIdentity::new(self, passphrase)
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The share in a stanza that is for this device.
    pub(super) fn share(&self, parameters: Tpm2Parameters) -> Result<Secret<32>, UnwrapError> {
        let caller = self.caller().map_err(|error| UnwrapError::Backend(Box::new(error)))?;
        let share = self.tpm.run(move |esys| caller.unseal(esys, &parameters));
        share.map_err(UnwrapError::from)
    }

    /// The device's TPM.
    pub(super) fn tpm(&self) -> &Tpm {
        &self.tpm
    }

    /// What the device brings to its TPM now.
    pub(super) fn caller(&self) -> Result<Caller, DeviceError> {
        let approvals = if self.device.has_approver() { self.device.approvals()? } else { Vec::new() };
        let (device, pin) = (self.device.clone(), self.pin.clone());
        Ok(Caller { device, approvals, pin, is_refused: self.is_refused.clone() })
    }
}

impl Identity for DeviceIdentity {
    fn stanza_type(&self) -> &str {
        TPM2
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let ours = |parameters: &Tpm2Parameters| parameters.device == self.device.id();
        let Some(parameters) = Tpm2Parameters::parse(stanza.parameters()).filter(ours) else {
            return Ok(None);
        };
        let share = self.share(parameters)?;
        let key = symmetric::unwrap(stanza, share.expose(), context);
        // The stanza says that it is for this device, and the TPM took it: what does not open is damaged.
        key.map(Some).ok_or_else(|| TpmError::Integrity.into())
    }
}
