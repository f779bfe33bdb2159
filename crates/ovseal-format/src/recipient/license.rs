//! The `license` stanza, whose secret a licence service releases (`docs/format.md` §4.6).

use ovseal_memory::{Secret, SecretBytes};

use super::{Context, Recipient, WrapError, symmetric};
use crate::crypto::data_key::DataKey;
use crate::random::{random_array, random_secret};
use crate::share::{
    Kem, KemPublicKey, LicenseParameters, ProductId, ReleaseKeyId, SHARE_LENGTH, SHARE_LIMIT,
};
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};

/// A product of a licence service, to which a model can be sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseRecipient {
    product: ProductId,
    least_level: u8,
    keys: Vec<KemPublicKey>,
}

/// The release keys or the level are not those of a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a licence has one or two different release keys and a level of 0 to 3")]
pub struct LicenseRecipientError;

impl LicenseRecipient {
    /// Creates a recipient from the service's release keys, in any order.
    ///
    /// # Errors
    /// [`LicenseRecipientError`] unless there are 1 or 2 different keys, and the level is at most
    /// 3.
    pub fn new(
        product: ProductId,
        least_level: u8,
        mut keys: Vec<KemPublicKey>,
    ) -> Result<Self, LicenseRecipientError> {
        keys.sort_by_key(|key| (key.kem(), ReleaseKeyId::of(key)));
        let distinct = keys.windows(2).all(|pair| pair[0] != pair[1]);
        let valid = (1..=SHARE_LIMIT).contains(&keys.len()) && distinct && least_level <= 3;
        valid.then_some(Self { product, least_level, keys }).ok_or(LicenseRecipientError)
    }
}

impl Recipient for LicenseRecipient {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let shares = self.keys.iter().map(|_| random_secret()).collect::<Result<Vec<_>, _>>()?;
        let (salt, ctx) = (random_array()?, context.as_bytes());
        let parameters =
            LicenseParameters::seal(salt, self.product, self.least_level, &self.keys, &shares, ctx)
                .map_err(|error| WrapError::Backend(error.into()))?;
        let secret = joined(&shares).map_err(|error| WrapError::Backend(error.into()))?;
        Ok(symmetric::wrap(StanzaKind::License.word(), parameters.encode(), secret.expose(), key, context)?)
    }

    fn class(&self) -> RecipientClass {
        match self.keys.iter().any(|key| key.kem() == Kem::XWing) {
            true => RecipientClass::PostQuantumPublicKey,
            false => RecipientClass::ClassicalPublicKey,
        }
    }
}

/// Unwraps the data key in a `license` stanza with all its shares, in their order.
///
/// Returns `None` if the stanza is damaged, or the shares are those of another one.
pub fn unwrap_license(
    stanza: &Stanza,
    shares: &[Secret<SHARE_LENGTH>],
    context: &Context,
) -> Option<DataKey> {
    let parameters = LicenseParameters::parse(stanza.parameters())?;
    let ours = stanza.stanza_type().kind() == Some(StanzaKind::License);
    if !ours || parameters.shares().len() != shares.len() {
        return None;
    }
    symmetric::unwrap(stanza, joined(shares).ok()?.expose(), context)
}

fn joined(shares: &[Secret<SHARE_LENGTH>]) -> Result<SecretBytes, ovseal_memory::MemoryError> {
    let mut secret = SecretBytes::with_capacity(SHARE_LIMIT * SHARE_LENGTH)?;
    shares.iter().try_for_each(|share| secret.extend(share.expose()))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::KemPrivateKey;
    use crate::statement::ModelId;
    use crate::testing::{data_key, prologue};

    const PRODUCT: ProductId = ProductId::from_bytes([5; 16]);

    fn context() -> Context {
        Context::new(&prologue(&data_key(4)), ModelId::of("model"))
    }

    fn wrapped(kems: &[Kem]) -> (Vec<KemPrivateKey>, Stanza) {
        let keys: Vec<_> = kems.iter().map(|&kem| KemPrivateKey::generate(kem).unwrap()).collect();
        let publics = keys.iter().rev().map(KemPrivateKey::public_key).collect();
        let recipient = LicenseRecipient::new(PRODUCT, 1, publics).unwrap();
        (keys, recipient.wrap(&data_key(4), &context()).unwrap())
    }

    #[test]
    fn a_stanza_opens_with_the_shares_that_the_release_keys_decrypt() {
        for kems in [&[Kem::XWing][..], &[Kem::P256], &[Kem::P256, Kem::XWing], &[Kem::XWing, Kem::XWing]] {
            let (keys, stanza) = wrapped(kems);
            let parameters = LicenseParameters::parse(stanza.parameters()).unwrap();
            let shares = parameters.open(&keys, context().as_bytes()).unwrap();
            let key = unwrap_license(&stanza, &shares, &context()).unwrap();
            assert_eq!(&*key.expose(), &[4; 32]);
            assert!(unwrap_license(&stanza, &shares[1..], &context()).is_none());
        }
    }

    #[test]
    fn a_stanza_is_post_quantum_if_one_of_its_release_keys_is() {
        for (kems, expected) in [(&[Kem::P256][..], false), (&[Kem::P256, Kem::XWing], true)] {
            let (_, stanza) = wrapped(kems);
            let class = if expected {
                RecipientClass::PostQuantumPublicKey
            } else {
                RecipientClass::ClassicalPublicKey
            };
            assert_eq!((stanza.is_post_quantum(), stanza.class()), (Some(expected), Some(class)));
        }
    }

    #[test]
    fn shares_in_another_order_open_nothing() {
        let (keys, stanza) = wrapped(&[Kem::P256, Kem::XWing]);
        let parameters = LicenseParameters::parse(stanza.parameters()).unwrap();
        let mut shares = parameters.open(&keys, context().as_bytes()).unwrap();
        shares.reverse();
        assert!(unwrap_license(&stanza, &shares, &context()).is_none());
    }

    #[test]
    fn no_key_a_key_twice_three_keys_or_level_4_are_rejected() {
        let key = || KemPrivateKey::generate(Kem::P256).unwrap().public_key();
        let twice = key();
        for (level, keys) in
            [(1, vec![]), (1, vec![twice.clone(), twice]), (1, vec![key(), key(), key()]), (4, vec![key()])]
        {
            assert_eq!(LicenseRecipient::new(PRODUCT, level, keys), Err(LicenseRecipientError));
        }
    }

    #[test]
    fn the_class_is_post_quantum_if_any_key_is() {
        let key = |kem| KemPrivateKey::generate(kem).unwrap().public_key();
        let class = |keys| LicenseRecipient::new(PRODUCT, 0, keys).unwrap().class();
        assert_eq!(class(vec![key(Kem::P256)]), RecipientClass::ClassicalPublicKey);
        assert_eq!(class(vec![key(Kem::P256), key(Kem::XWing)]), RecipientClass::PostQuantumPublicKey);
    }
}
