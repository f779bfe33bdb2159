//! The parameters of a `tpm2` stanza (`docs/format.md` §4.3).

use ovseal::symmetric::SALT_LENGTH;

use super::bounds::Bounds;
use super::duplicate::Duplicate;
use super::policy::{CounterIndex, PolicyDigest};
use super::wire::{Bytes32, Reader};

/// The type of a stanza that needs the TPM alone.
pub const TPM2: &str = "tpm2";

/// What a `tpm2` stanza says in clear, besides its salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tpm2Parameters {
    /// For which device's storage key it is.
    pub(super) device: Bytes32,
    /// The device's epoch counter.
    pub(super) counter: CounterIndex,
    pub(super) bounds: Bounds,
    pub(super) duplicate: Duplicate,
}

/// What a stanza for a TPM shows without any key; nothing of it is authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tpm2Summary {
    /// The id of the device for which it is.
    pub device: [u8; 32],
    /// What the TPM demands besides the device key's own policy.
    pub bounds: Bounds,
}

impl Tpm2Summary {
    /// Reads the parameters of a stanza of type [`TPM2`].
    pub fn of(parameters: &[u8]) -> Option<Self> {
        let Tpm2Parameters { device, bounds, .. } = Tpm2Parameters::parse(parameters)?;
        Some(Self { device, bounds })
    }
}

impl Tpm2Parameters {
    /// The policy of the sealed object.
    pub(super) fn policy(&self) -> Option<PolicyDigest> {
        self.bounds.policy(self.counter)
    }

    pub(super) fn encode(&self, salt: &[u8; SALT_LENGTH]) -> Vec<u8> {
        let mut bytes = salt.to_vec();
        bytes.push(VERSION);
        bytes.extend(self.device);
        bytes.extend(self.counter.0.to_be_bytes());
        bytes.extend(self.bounds.encode());
        bytes.extend(self.duplicate.encode());
        bytes
    }

    /// Takes exactly these parameters: at most 1 KiB, whatever they say.
    pub(super) fn parse(parameters: &[u8]) -> Option<Self> {
        let mut reader = Reader(parameters);
        reader.take(SALT_LENGTH)?;
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
    fn parsing_gives_back_what_was_encoded_and_refuses_every_cut() {
        let bytes = parameters().encode(&[0; 32]);
        assert_eq!(Tpm2Parameters::parse(&bytes), Some(parameters()));
        for length in 0..bytes.len() {
            assert_eq!(Tpm2Parameters::parse(&bytes[..length]), None, "{length}");
        }
        assert_eq!(Tpm2Parameters::parse(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn handles_that_are_no_counters_of_the_owner_are_refused() {
        for index in [0x017f_ffff, 0x01c0_0000, 0x8100_0001, 0x4000_000c] {
            let counter = CounterIndex(index);
            let bytes = Tpm2Parameters { counter, ..parameters() }.encode(&[0; 32]);
            assert_eq!(Tpm2Parameters::parse(&bytes), None, "{index:#x}");
        }
    }
}
