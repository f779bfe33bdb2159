//! TPM and passphrase combined: neither one opens the stanza alone.

use std::sync::Arc;

use ovseal::{
    Context, DataKey, Derivation, Identity, Passphrase, Recipient, RecipientClass, Stanza, UnwrapError,
    WrapError, symmetric,
};
use ovseal_memory::Secret;

use super::error::TpmError;
use super::identity::DeviceIdentity;
use super::recipient::{DeviceRecipient, fresh_salt};
use super::stanza::{CombinedParameters, TPM2_PASSPHRASE};

/// A device and a passphrase, both of which a container requires.
///
/// The TPM must be in the state required by the device's key and the [`Bounds`](super::Bounds). The
/// TPM counts attempts to guess a PIN, but not this passphrase. An attacker with the TPM's share
/// can guess as fast as the passphrase's cost allows.
#[derive(Debug)]
pub struct CombinedRecipient {
    device: DeviceRecipient,
    passphrase: Arc<Passphrase>,
}

/// A device with its TPM and a passphrase, which unwraps stanzas that require both.
#[derive(Debug)]
pub struct CombinedIdentity {
    device: DeviceIdentity,
    passphrase: Passphrase,
}

impl DeviceRecipient {
    /// Adds a passphrase, so that a container requires both.
    pub fn with_passphrase(self, passphrase: Arc<Passphrase>) -> CombinedRecipient {
        CombinedRecipient { device: self, passphrase }
    }
}

impl DeviceIdentity {
    /// Adds a passphrase, for stanzas that require both.
    #[must_use]
    pub fn with_passphrase(self, passphrase: Passphrase) -> CombinedIdentity {
        CombinedIdentity { device: self, passphrase }
    }
}

impl CombinedIdentity {
    /// Parses the parameters of a stanza, if it is for this device.
    fn own_parameters(&self, stanza: &Stanza) -> Option<CombinedParameters> {
        let ours = |parameters: &CombinedParameters| parameters.share.device == self.device.device().id();
        CombinedParameters::parse(stanza.parameters()).filter(ours)
    }
}

impl Recipient for CombinedRecipient {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let (salt, cost) = (fresh_salt()?, self.passphrase.cost());
        let (share, parameters) = self.device.share()?;
        let secret = combine(&share, &self.passphrase.derive(&salt, cost)?);
        let parameters = CombinedParameters { salt, cost, share: parameters }.encode();
        Ok(symmetric::wrap(TPM2_PASSPHRASE, parameters, secret.expose(), key, context)?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::ClassicalPublicKey
    }
}

impl Identity for CombinedIdentity {
    fn stanza_type(&self) -> &str {
        TPM2_PASSPHRASE
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let Some(parameters) = self.own_parameters(stanza) else { return Ok(None) };
        let derivation = parameters.derivation();
        // The TPM comes first, because the derivation is slow.
        let share = self.device.share(parameters.share)?;
        let secret = combine(&share, &self.passphrase.derive_once(&derivation, context)?);
        let key = symmetric::unwrap(stanza, secret.expose(), context);
        key.map(Some).ok_or_else(|| TpmError::WrongPassphrase.into())
    }

    fn derivation(&self, stanza: &Stanza) -> Option<Derivation> {
        Some(self.own_parameters(stanza)?.derivation())
    }
}

/// Combines the secret of a stanza: the TPM's share, then the key derived from the passphrase.
pub(super) fn combine(share: &Secret<32>, derived: &Secret<32>) -> Secret<64> {
    Secret::from_fn(|bytes| {
        bytes[..32].copy_from_slice(share.expose());
        bytes[32..].copy_from_slice(derived.expose());
    })
}
