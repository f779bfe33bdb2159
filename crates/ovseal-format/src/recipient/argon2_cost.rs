//! The cost parameters of Argon2id (RFC 9106).

use crate::key_error::KeyError;
use crate::layout::read_be32;

/// Length of an encoded [`Argon2Cost`], in bytes.
const COST_LENGTH: usize = 12;

/// The cost of deriving a key from a passphrase with Argon2id: memory, passes and lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Default for Argon2Cost {
    /// Returns 64 MiB, three passes and four lanes, the second recommendation of RFC 9106.
    fn default() -> Self {
        Self { memory_kib: 65_536, passes: 3, lanes: 4 }
    }
}

impl Argon2Cost {
    /// Creates a cost within the limits of the format (`docs/format.md` §1.2).
    ///
    /// Memory must be 8 KiB per lane to 1 GiB, passes and lanes 1 to 16 each, and memory times
    /// passes at most 4 GiB.
    ///
    /// # Errors
    /// [`KeyError::Cost`] outside these limits.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, KeyError> {
        const GIB: u64 = 1 << 20;
        let good = (1..=16).contains(&passes)
            && (1..=16).contains(&lanes)
            && memory_kib >= 8 * lanes
            && u64::from(memory_kib) <= GIB
            && u64::from(memory_kib) * u64::from(passes) <= 4 * GIB;
        good.then_some(Self { memory_kib, passes, lanes }).ok_or(KeyError::Cost)
    }

    /// Returns memory in KiB, passes and lanes as in a stanza: 4 bytes each, big-endian.
    pub fn encode(self) -> [u8; COST_LENGTH] {
        let mut bytes = [0; COST_LENGTH];
        let numbers = [self.memory_kib, self.passes, self.lanes].map(u32::to_be_bytes);
        bytes.copy_from_slice(numbers.as_flattened());
        bytes
    }

    /// Decodes the result of [`encode`](Self::encode). Returns `None` if the cost is outside the
    /// limits of the format.
    pub fn decode(bytes: &[u8; COST_LENGTH]) -> Option<Self> {
        Self::new(read_be32(bytes, 0), read_be32(bytes, 4), read_be32(bytes, 8)).ok()
    }

    /// Returns the memory in KiB.
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Returns memory in KiB times passes.
    pub fn work_kib(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    pub(super) const fn passes(self) -> u32 {
        self.passes
    }

    pub(super) const fn lanes(self) -> u32 {
        self.lanes
    }

    pub(super) const fn memory_mib(self) -> u32 {
        self.memory_kib.div_ceil(1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_outside_the_limits_are_rejected() {
        for (memory, passes, lanes) in [
            (0, 1, 1),
            (31, 1, 4),
            ((1 << 20) + 1, 1, 1),
            (65_536, 0, 1),
            (65_536, 17, 1),
            (65_536, 1, 17),
            (65_536, 1, 0),
            (1 << 20, 5, 1),
        ] {
            assert_eq!(Argon2Cost::new(memory, passes, lanes), Err(KeyError::Cost));
        }
        assert!(Argon2Cost::new(1 << 20, 4, 16).is_ok());
    }
}
