//! The parameters of stanzas for a TPM (`docs/format.md` §4.3).

use ovseal::symmetric::SALT_LENGTH;
use ovseal::{Argon2Cost, Derivation};

use super::bounds::Bounds;
use super::duplicate::Duplicate;
use super::policy::{CounterIndex, PolicyDigest};
use super::wire::{Bytes32, Reader};

/// The type of a stanza that requires only the TPM.
pub const TPM2: &str = "tpm2";

/// The type of a stanza that requires the TPM and a passphrase.
pub const TPM2_PASSPHRASE: &str = "tpm2-passphrase";

/// The parameters from which a TPM unseals the share of a stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tpm2Parameters {
    /// The id of the device.
    pub(super) device: Bytes32,
    /// The device's epoch counter.
    pub(super) counter: CounterIndex,
    pub(super) bounds: Bounds,
    pub(super) duplicate: Duplicate,
}

/// The facts that a stanza for a TPM shows without a key. None of them is authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tpm2Summary {
    /// The id of the device.
    pub device: [u8; 32],
    /// The bounds, besides the policy of the device's key.
    pub bounds: Bounds,
    /// True if it also requires a passphrase.
    pub needs_passphrase: bool,
}

impl Tpm2Summary {
    /// Parses the parameters of a stanza. `None` unless its type is [`TPM2`] or
    /// [`TPM2_PASSPHRASE`].
    pub fn of(stanza_type: &str, parameters: &[u8]) -> Option<Self> {
        let (parsed, needs_passphrase) = match stanza_type {
            TPM2 => (Tpm2Parameters::parse(parameters)?, false),
            TPM2_PASSPHRASE => (CombinedParameters::parse(parameters)?.share, true),
            _ => return None,
        };
        let Tpm2Parameters { device, bounds, .. } = parsed;
        Some(Self { device, bounds, needs_passphrase })
    }
}

/// The parameters of a stanza that requires the TPM and a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CombinedParameters {
    pub(super) salt: [u8; SALT_LENGTH],
    /// The cost of deriving a key from the passphrase.
    pub(super) cost: Argon2Cost,
    pub(super) share: Tpm2Parameters,
}

impl CombinedParameters {
    pub(super) fn encode(&self) -> Vec<u8> {
        self.share.encode([&self.salt[..], &self.cost.encode()].concat())
    }

    /// Returns the derivation from the passphrase.
    pub(super) fn derivation(&self) -> Derivation {
        Derivation { salt: self.salt, cost: self.cost }
    }

    /// Parses these parameters and nothing after them. The cost must be within the limits of the
    /// format.
    pub(super) fn parse(parameters: &[u8]) -> Option<Self> {
        let mut reader = Reader(parameters);
        let (salt, cost) = (reader.array()?, Argon2Cost::decode(&reader.array()?)?);
        Some(Self { salt, cost, share: Tpm2Parameters::take_all(reader)? })
    }
}

impl Tpm2Parameters {
    /// Returns the policy of the sealed object.
    pub(super) fn policy(&self) -> Option<PolicyDigest> {
        self.bounds.policy(self.counter)
    }

    /// Appends these parameters after the salt and any others.
    pub(super) fn encode(&self, before: Vec<u8>) -> Vec<u8> {
        let mut bytes = before;
        bytes.push(VERSION);
        bytes.extend(self.device);
        bytes.extend(self.counter.0.to_be_bytes());
        bytes.extend(self.bounds.encode());
        bytes.extend(self.duplicate.encode());
        bytes
    }

    /// Parses these parameters and nothing after them. They never exceed 1 KiB.
    pub(super) fn parse(parameters: &[u8]) -> Option<Self> {
        let mut reader = Reader(parameters);
        reader.take(SALT_LENGTH)?;
        Self::take_all(reader)
    }

    fn take_all(mut reader: Reader<'_>) -> Option<Self> {
        reader.u8().filter(|&version| version == VERSION)?;
        let device = reader.array()?;
        let counter = CounterIndex::new(reader.u32()?)?;
        let bounds = Bounds::take(&mut reader)?;
        let duplicate = Duplicate::take(&mut reader)?;
        reader.end()?;
        Some(Self { device, counter, bounds, duplicate })
    }
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tpm2::public::Point;

    fn parameters() -> Tpm2Parameters {
        let ephemeral = Point { x: [1; 32], y: [2; 32] };
        let duplicate = Duplicate { unique: [3; 32], private: vec![4; 108], ephemeral };
        let bounds = Bounds::default().epoch_at_most(5).clock_below(6);
        Tpm2Parameters { device: [7; 32], counter: CounterIndex(0x0180_0000), bounds, duplicate }
    }

    #[test]
    fn parameters_are_parsed_as_they_were_encoded_and_every_cut_is_rejected() {
        let bytes = parameters().encode(vec![0; 32]);
        assert_eq!(Tpm2Parameters::parse(&bytes), Some(parameters()));
        for length in 0..bytes.len() {
            assert_eq!(Tpm2Parameters::parse(&bytes[..length]), None, "{length}");
        }
        assert_eq!(Tpm2Parameters::parse(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn parameters_with_a_cost_are_parsed_as_they_were_encoded_and_every_cut_is_rejected() {
        let combined =
            CombinedParameters { salt: [9; SALT_LENGTH], cost: Argon2Cost::default(), share: parameters() };
        let bytes = combined.encode();
        assert_eq!(CombinedParameters::parse(&bytes), Some(combined));
        for length in 0..bytes.len() {
            assert_eq!(CombinedParameters::parse(&bytes[..length]), None, "{length}");
        }
        assert_eq!(CombinedParameters::parse(&[&bytes[..], &[0]].concat()), None);
        // The container's parser looks for the device's id at this offset.
        assert_eq!(bytes[45..77], [7; 32]);
    }

    #[test]
    fn a_cost_beyond_the_limits_is_rejected_before_any_work() {
        let combined = |cost: [u32; 3]| {
            let cost: Vec<u8> = cost.into_iter().flat_map(u32::to_be_bytes).collect();
            CombinedParameters::parse(&parameters().encode([&[0; SALT_LENGTH][..], &cost].concat()))
        };
        assert!(combined([1 << 20, 4, 16]).is_some());
        for cost in
            [[(1 << 20) + 1, 1, 1], [64, 17, 1], [1024, 1, 17], [1 << 20, 5, 1], [31, 1, 4], [64, 0, 1]]
        {
            assert_eq!(combined(cost), None, "{cost:?}");
        }
    }

    #[test]
    fn handles_that_are_not_the_owners_counters_are_rejected() {
        for index in [0x017f_ffff, 0x01c0_0000, 0x8100_0001, 0x4000_000c] {
            let counter = CounterIndex(index);
            let bytes = Tpm2Parameters { counter, ..parameters() }.encode(vec![0; 32]);
            assert_eq!(Tpm2Parameters::parse(&bytes), None, "{index:#x}");
        }
    }
}
