//! A device as a recipient. Sealing to it requires neither a TPM nor its library.

use std::fmt;

use aws_lc_rs::rand;
use bech32::primitives::checksum::Checksum;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use ovseal::{Context, DataKey, RandomnessError, Recipient, RecipientClass, Stanza, WrapError, symmetric};
use ovseal_memory::Secret;

use super::bounds::Bounds;
use super::duplicate::{Duplicate, DuplicateError};
use super::policy::CounterIndex;
use super::public::StorageKey;
use super::stanza::{TPM2, Tpm2Parameters};
use super::wire::{Bytes32, Reader};

/// The storage key of a device's TPM, written `ovdev1…`.
///
/// A stanza for it opens only with that TPM, in the state required by the key's policy, and within
/// the [`Bounds`] added by the sealer.
///
/// The string states the kind of key, but does not prove that the key is in a TPM. That depends on
/// how you obtained the string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecipient {
    key: StorageKey,
    counter: CounterIndex,
    bounds: Bounds,
}

/// The error for a string that is not a device's recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a device's recipient begins with {PREFIX}1 and has no typing errors")]
pub struct DeviceRecipientError;

impl DeviceRecipient {
    pub(super) fn new(key: StorageKey, counter: CounterIndex) -> Self {
        Self { key, counter, bounds: Bounds::default() }
    }

    /// Returns whether `text` starts like a device's recipient.
    pub fn is_meant(text: &str) -> bool {
        text.get(..PREFIX.len() + 1).is_some_and(|start| start.eq_ignore_ascii_case("ovdev1"))
    }

    /// Parses a recipient as [`Display`](fmt::Display) writes it.
    ///
    /// # Errors
    /// [`DeviceRecipientError`] if `text` is not a device's recipient, or if its key could leave
    /// the TPM.
    pub fn parse(text: &str) -> Result<Self, DeviceRecipientError> {
        let checked = CheckedHrpstring::new::<LongBech32>(text).map_err(|_| DeviceRecipientError)?;
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let recipient = Self::from_bytes(&bytes).ok_or(DeviceRecipientError)?;
        // Each key is written in exactly one way: the prefix and the padding bits are fixed.
        let same = recipient.to_string().eq_ignore_ascii_case(text);
        if same { Ok(recipient) } else { Err(DeviceRecipientError) }
    }

    /// Sets the bounds of stanzas for this recipient.
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Returns the device's id, which its stanzas show.
    pub fn id(&self) -> Bytes32 {
        self.key.id()
    }

    /// Returns whether the device's key has a policy, such as a measured state or a PIN.
    pub fn has_policy(&self) -> bool {
        self.key.policy().is_some()
    }

    /// Generates a share, and the parameters from which the device's TPM unseals it.
    pub(super) fn share(&self) -> Result<(Secret<32>, Tpm2Parameters), WrapError> {
        let share = Secret::<32>::try_from_fn(|bytes| rand::fill(bytes)).map_err(|_| RandomnessError)?;
        let policy = self.bounds.policy(self.counter);
        let duplicate = Duplicate::wrap(&self.key, &share, policy).map_err(|error| match error {
            DuplicateError::Randomness => WrapError::Randomness(RandomnessError),
            DuplicateError::Point => WrapError::WeakPublicKey,
        })?;
        let (device, counter, bounds) = (self.id(), self.counter, self.bounds.clone());
        Ok((share, Tpm2Parameters { device, counter, bounds, duplicate }))
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        reader.u8().filter(|&version| version == VERSION)?;
        let counter = CounterIndex::new(reader.u32()?)?;
        let key = StorageKey::parse(reader.0)?;
        Some(Self::new(key, counter))
    }
}

impl fmt::Display for DeviceRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[VERSION][..], &self.counter.0.to_be_bytes(), self.key.bytes()].concat();
        bech32::encode_lower_to_fmt::<LongBech32, _>(f, Hrp::parse_unchecked(PREFIX), &bytes)
            .map_err(|_| fmt::Error)
    }
}

impl Recipient for DeviceRecipient {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let (share, parameters) = self.share()?;
        let parameters = parameters.encode(fresh_salt()?.to_vec());
        Ok(symmetric::wrap(TPM2, parameters, share.expose(), key, context)?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::ClassicalPublicKey
    }
}

pub(super) fn fresh_salt() -> Result<[u8; symmetric::SALT_LENGTH], RandomnessError> {
    let mut salt = [0; symmetric::SALT_LENGTH];
    rand::fill(&mut salt).map_err(|_| RandomnessError)?;
    Ok(salt)
}

/// Bech32's checksum for strings of more than 90 characters.
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    const CODE_LENGTH: usize = 1024;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

const PREFIX: &str = "ovdev";
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tpm2::public::Point;

    fn recipient() -> DeviceRecipient {
        let mut bytes = StorageKey::template(None, false);
        bytes.truncate(bytes.len() - 4);
        bytes.extend(Point { x: [1; 32], y: [2; 32] }.encode());
        DeviceRecipient::new(StorageKey::parse(&bytes).unwrap(), CounterIndex(0x0180_6f76))
    }

    #[test]
    fn a_recipient_is_parsed_as_it_was_written() {
        let text = recipient().to_string();
        assert!(text.starts_with("ovdev1") && DeviceRecipient::is_meant(&text));
        assert_eq!(DeviceRecipient::parse(&text), Ok(recipient()));
        assert_eq!(DeviceRecipient::parse(&text.to_uppercase()), Ok(recipient()));
    }

    #[test]
    fn any_changed_character_is_detected() {
        let text = recipient().to_string();
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'q' { b'p' } else { b'q' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(DeviceRecipient::parse(&changed), Err(DeviceRecipientError), "{position}");
        }
    }

    #[test]
    fn a_key_off_the_curve_gets_no_stanza() {
        let share = Secret::<32>::from_fn(|bytes| bytes.fill(1));
        let error = Duplicate::wrap(&recipient().key, &share, None).unwrap_err();
        assert_eq!(error, DuplicateError::Point);
    }
}
