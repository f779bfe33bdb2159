//! The stanzas that a container has after a rekeying.

use ovseal_format::crypto::data_key::FittingKey;
use ovseal_format::recipient::Context;
use ovseal_format::stanza::{self, Stanza};
use ovseal_format::stanza_kind::{RecipientClass, are_mixed};

use super::{RekeyError, RekeyOptions};

impl RekeyOptions<'_> {
    /// Returns the `current` stanzas without the removed ones and with the added ones.
    pub(super) fn stanzas(
        &self,
        key: &FittingKey,
        context: &Context,
        current: &[Stanza],
    ) -> Result<Vec<Stanza>, RekeyError> {
        if let Some(&number) = self.remove.iter().find(|&&number| number >= current.len()) {
            return Err(RekeyError::NoSuchStanza(number));
        }
        let kept = current.iter().enumerate().filter(|(number, _)| !self.remove.contains(number));
        let mut stanzas: Vec<Stanza> = kept.map(|(_, stanza)| stanza.clone()).collect();
        self.check_mixing(&stanzas)?;
        stanzas.extend(self.added(key, context)?);
        match stanzas.len() {
            0 => Err(RekeyError::LastStanza),
            _ if stanza::are_only_enclaves(&stanzas) && !self.allow_only_enclave => {
                Err(RekeyError::OnlyEnclave)
            }
            _ if stanza::are_only_licences(&stanzas) && !self.allow_only_license => {
                Err(RekeyError::OnlyLicense)
            }
            _ if stanza::are_allowed(&stanzas) => Ok(stanzas),
            _ => Err(RekeyError::TooManyStanzas),
        }
    }

    /// Fails if `kept` and the added stanzas mix post-quantum and classical public keys.
    pub(super) fn check_mixing(&self, kept: &[Stanza]) -> Result<(), RekeyError> {
        let class = Stanza::class;
        let has_post_quantum =
            kept.iter().any(|stanza| class(stanza) == Some(RecipientClass::PostQuantumPublicKey));
        // A TPM stanza may be for a local key or for a public key. Next to a post-quantum stanza,
        // it was bound locally, or mixing was allowed then. Otherwise it counts as classical. All
        // other types of unknown class count as keys of this device.
        let unknown = |stanza: &Stanza| match stanza.is_post_quantum() {
            Some(false) if !has_post_quantum => RecipientClass::ClassicalPublicKey,
            _ => RecipientClass::SymmetricOrLocal,
        };
        let kept = kept.iter().map(|stanza| class(stanza).unwrap_or_else(|| unknown(stanza)));
        let classes = kept.chain(self.add.iter().map(|recipient| recipient.class()));
        if !self.allow_mixed && are_mixed(classes) { Err(RekeyError::MixedRecipients) } else { Ok(()) }
    }

    /// Wraps the data key for each added recipient.
    pub(super) fn added(&self, key: &FittingKey, context: &Context) -> Result<Vec<Stanza>, RekeyError> {
        let stanzas = self.add.iter().map(|recipient| recipient.wrap(key.data_key(), context));
        Ok(stanzas.collect::<Result<_, _>>()?)
    }
}
