//! Digests of policies, computed without a TPM (TPM 2.0 Library, part 3, chapter 23).

use super::pcr::PcrValues;
use super::wire::{Bytes32, name, sha256, sized};

/// The digest that a policy session must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PolicyDigest(pub(super) Bytes32);

/// An NV counter, defined by its index alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CounterIndex(pub(super) u32);

impl PolicyDigest {
    /// The digest of a new session.
    pub(super) const EMPTY: Self = Self([0; 32]);

    /// Requires PCRs to have these values (`TPM2_PolicyPCR`).
    pub(super) fn pcr(self, values: &PcrValues) -> Self {
        let digest = sha256(&[&values.concatenated()]);
        self.extend(0x017f, &[&values.selection(), &digest])
    }

    /// Requires an approval by the key with this name (`TPM2_PolicyAuthorize`).
    ///
    /// The approval replaces all earlier conditions.
    pub(super) fn authorize(key: &[u8], policy_ref: &[u8]) -> Self {
        let keyed = Self::EMPTY.extend(0x016a, &[key]);
        Self(sha256(&[&keyed.0, policy_ref]))
    }

    /// Requires the object's PIN (`TPM2_PolicyAuthValue`).
    pub(super) fn auth_value(self) -> Self {
        self.extend(0x016b, &[])
    }

    /// Requires the counter to be at most `limit` (`TPM2_PolicyNV`).
    pub(super) fn counter_at_most(self, index: CounterIndex, limit: u64) -> Self {
        let arguments = sha256(&[&limit.to_be_bytes(), &0u16.to_be_bytes(), &UNSIGNED_LE.to_be_bytes()]);
        self.extend(0x0149, &[&arguments, &index.name()])
    }

    /// Requires the TPM's clock to be below `limit` milliseconds (`TPM2_PolicyCounterTimer`).
    pub(super) fn clock_below(self, limit: u64) -> Self {
        let operation = UNSIGNED_LT.to_be_bytes();
        let arguments = sha256(&[&limit.to_be_bytes(), &CLOCK_OFFSET.to_be_bytes(), &operation]);
        self.extend(0x016d, &[&arguments])
    }

    fn extend(self, command: u32, pieces: &[&[u8]]) -> Self {
        let command = command.to_be_bytes();
        let all: Vec<&[u8]> = [&self.0[..], &command].into_iter().chain(pieces.iter().copied()).collect();
        Self(sha256(&all))
    }
}

impl CounterIndex {
    /// Accepts an index that belongs to the owner.
    pub(super) fn new(index: u32) -> Option<Self> {
        OWNER_INDICES.contains(&index).then_some(Self(index))
    }

    /// Returns `TPMS_NV_PUBLIC` of the counter before its first increment.
    pub(super) fn public(self) -> Vec<u8> {
        self.public_with(COUNTER)
    }

    /// Returns the name of the counter after its first increment.
    pub(super) fn name(self) -> Vec<u8> {
        name(&self.public_with(COUNTER | WRITTEN))
    }

    fn public_with(self, attributes: u32) -> Vec<u8> {
        let algorithm = super::wire::SHA256.to_be_bytes();
        let (index, attributes) = (self.0.to_be_bytes(), attributes.to_be_bytes());
        [&index[..], &algorithm, &attributes, &sized(&[]), &8u16.to_be_bytes()].concat()
    }
}

/// NV indices of the owner (TCG Registry of Reserved TPM 2.0 Handles and Localities).
const OWNER_INDICES: std::ops::RangeInclusive<u32> = 0x0180_0000..=0x01bf_ffff;

/// `TPM_EO_UNSIGNED_LE` and `TPM_EO_UNSIGNED_LT`.
pub(super) const UNSIGNED_LE: u16 = 0x0009;
pub(super) const UNSIGNED_LT: u16 = 0x0005;

/// Offset of the clock in `TPMS_TIME_INFO`.
pub(super) const CLOCK_OFFSET: u16 = 8;

/// Attributes of the counter: anyone with access to the TPM may read and increment it.
///
/// No failed authorization locks it.
const COUNTER: u32 = NT_COUNTER | AUTH_WRITE | OWNER_READ | AUTH_READ | NO_DA;
const AUTH_WRITE: u32 = 1 << 2;
const NT_COUNTER: u32 = 1 << 4;
const OWNER_READ: u32 = 1 << 17;
const AUTH_READ: u32 = 1 << 18;
const NO_DA: u32 = 1 << 25;
const WRITTEN: u32 = 1 << 29;
