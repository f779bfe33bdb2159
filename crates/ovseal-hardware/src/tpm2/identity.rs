//! The device's TPM as an identity.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ovseal::{Context, DataKey, Identity, Stanza, UnwrapError, symmetric};
use ovseal_memory::{Parked, Secret};

use super::device::{Device, DeviceError};
use super::error::TpmError;
use super::open::{DeviceSession, pin_value};
use super::stanza::{TPM2, Tpm2Parameters};
use super::worker::Tpm;

/// A device with its TPM, which unwraps stanzas for the device's recipient.
///
/// The TPM is used only for stanzas of this device. Clones share the connection to the TPM and the
/// PIN. A PIN that the TPM rejected is not tried again, because too many wrong ones lock it.
#[derive(Clone, Debug)]
pub struct DeviceIdentity {
    device: Device,
    tpm: Tpm,
    pin: Option<Arc<Parked<Secret<32>>>>,
    is_rejected: Arc<AtomicBool>,
}

impl DeviceIdentity {
    /// Creates the identity of an enrolled device.
    pub fn new(device: Device, tpm: Tpm) -> Self {
        Self { device, tpm, pin: None, is_rejected: Arc::default() }
    }

    /// Sets the PIN of the device's key.
    #[must_use]
    pub fn with_pin(self, pin: &[u8]) -> Self {
        Self { pin: Some(Arc::new(Parked::new(pin_value(pin)))), is_rejected: Arc::default(), ..self }
    }

    /// Returns the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Unseals the share in a stanza for this device.
    pub(super) fn share(&self, parameters: Tpm2Parameters) -> Result<Secret<32>, UnwrapError> {
        let session = self.session().map_err(|error| UnwrapError::Backend(Box::new(error)))?;
        let share = self.tpm.run(move |esys| session.unseal(esys, &parameters));
        share.map_err(UnwrapError::from)
    }

    /// Returns the device's TPM.
    pub(super) fn tpm(&self) -> &Tpm {
        &self.tpm
    }

    /// Reads the current approvals, and returns everything that the device's key may require.
    pub(super) fn session(&self) -> Result<DeviceSession, DeviceError> {
        let approvals = if self.device.has_approver() { self.device.approvals()? } else { Vec::new() };
        let (device, pin) = (self.device.clone(), self.pin.clone());
        Ok(DeviceSession { device, approvals, pin, is_rejected: self.is_rejected.clone() })
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
        // The stanza is for this device and the TPM accepted it, so a failure here means damage.
        key.map(Some).ok_or_else(|| TpmError::Integrity.into())
    }
}
