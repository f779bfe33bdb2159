//! The first 4096 bytes, which never change after sealing (`docs/format.md` §2.1).

use crate::hex_id::hex_id;
use crate::layout::{
    ALIGNMENT, ChunkSize, REGION_LIMIT, all_zero, read_array, read_be16, read_be32, read_be64,
};
use crate::suite::{Digest, Suite, sha512_256};

/// Length of a prologue, in bytes.
pub const PROLOGUE_LENGTH: usize = ALIGNMENT as usize;

const MAGIC: [u8; 8] = *b"\x89OVSEAL\n";
const VERSION: u16 = 1;
const COMMITMENT: std::ops::Range<usize> = 64..96;

/// Returns true if `bytes` starts with the magic bytes of a container.
///
/// The first 8 bytes of a file are enough to distinguish a container from a plaintext model.
pub fn is_container(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The id of one container: 32 random bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContainerId(pub(crate) [u8; 32]);

hex_id!(ContainerId);

/// The value that binds every derived key to one container, `ctx` in `docs/format.md` §3.
///
/// It is the SHA-512/256 digest of the prologue with the commitment set to zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding(Digest);

impl Binding {
    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A parsed prologue.
#[derive(Clone, PartialEq, Eq)]
pub struct Prologue {
    /// The cryptographic suite.
    pub suite: Suite,
    /// The size of a chunk.
    pub chunk_size: ChunkSize,
    /// Length of the stanza region in bytes.
    pub region_length: u64,
    /// The container's random id.
    pub container_id: ContainerId,
    /// The commitment to the data key.
    pub commitment: [u8; 32],
}

/// The reason why bytes are not a prologue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrologueError {
    /// The magic bytes are missing.
    Magic,
    /// The version is unknown.
    Version(u16),
    /// The suite is unknown.
    Suite(u16),
    /// A flag is unknown.
    Flags(u32),
    /// A field is outside its limits, or reserved bytes are not zero.
    Malformed,
}

impl Prologue {
    /// Length of magic, version, suite and flags, in bytes.
    ///
    /// They decide whether this version can read a container.
    pub const IDENTIFICATION: usize = 16;

    /// Parses a prologue.
    ///
    /// # Errors
    /// [`PrologueError`] for the first wrong field, in this order: magic, version, suite, flags,
    /// others.
    pub fn parse(bytes: &[u8; PROLOGUE_LENGTH]) -> Result<Self, PrologueError> {
        if !is_container(bytes) {
            return Err(PrologueError::Magic);
        }
        let version = read_be16(bytes, 8);
        if version != VERSION {
            return Err(PrologueError::Version(version));
        }
        let suite = read_be16(bytes, 10);
        let suite = Suite::from_number(suite).ok_or(PrologueError::Suite(suite))?;
        let flags = read_be32(bytes, 12);
        if flags != 0 {
            return Err(PrologueError::Flags(flags));
        }
        if !all_zero(&bytes[17..24]) || !all_zero(&bytes[96..]) {
            return Err(PrologueError::Malformed);
        }
        Ok(Self {
            suite,
            chunk_size: ChunkSize::from_log2(bytes[16]).ok_or(PrologueError::Malformed)?,
            region_length: region_length(read_be64(bytes, 24)).ok_or(PrologueError::Malformed)?,
            container_id: ContainerId(read_array(bytes, 32)),
            commitment: read_array(bytes, COMMITMENT.start),
        })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> [u8; PROLOGUE_LENGTH] {
        let mut bytes = [0; PROLOGUE_LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
        bytes[10..12].copy_from_slice(&self.suite.number().to_be_bytes());
        bytes[16] = self.chunk_size.log2();
        bytes[24..32].copy_from_slice(&self.region_length.to_be_bytes());
        bytes[32..64].copy_from_slice(self.container_id.as_bytes());
        bytes[COMMITMENT].copy_from_slice(&self.commitment);
        bytes
    }

    /// Returns the value that binds derived keys to this container.
    pub fn binding(&self) -> Binding {
        let mut bytes = self.encode();
        bytes[COMMITMENT].fill(0);
        Binding(sha512_256(&bytes))
    }
}

fn region_length(length: u64) -> Option<u64> {
    let fits = (ALIGNMENT..=REGION_LIMIT).contains(&length) && length.is_multiple_of(ALIGNMENT);
    fits.then_some(length)
}

#[cfg(test)]
#[cfg(feature = "payload")]
mod tests {
    use super::*;
    use crate::testing;

    fn prologue() -> Prologue {
        testing::prologue(&testing::data_key(9))
    }

    #[test]
    fn an_encoded_prologue_parses_to_itself() {
        assert!(Prologue::parse(&prologue().encode()) == Ok(prologue()));
    }

    #[test]
    fn the_commitment_is_not_part_of_the_binding() {
        let other = Prologue { commitment: [1; 32], ..prologue() };
        assert_eq!(other.binding(), prologue().binding());
    }

    #[test]
    fn every_changed_byte_is_rejected_or_changes_binding_or_commitment() {
        let good = prologue().encode();
        for position in 0..good.len() {
            let mut bytes = good;
            bytes[position] ^= 0x01;
            if let Ok(parsed) = Prologue::parse(&bytes) {
                let same =
                    parsed.binding() == prologue().binding() && parsed.commitment == prologue().commitment;
                assert!(!same, "byte {position}");
            }
        }
    }
}
