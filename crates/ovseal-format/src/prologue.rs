//! The first 4096 bytes: what never changes after sealing (`docs/format.md` §2.1).

use base16ct::HexDisplay;

use crate::layout::{ALIGNMENT, ChunkSize, all_zero, read_be16, read_be32, read_be64};
use crate::suite::{Digest, Suite, sha512_256};

/// Bytes in a prologue.
pub const PROLOGUE_LENGTH: usize = ALIGNMENT as usize;

const MAGIC: [u8; 8] = *b"\x89OVSEAL\n";
const VERSION: u16 = 1;
const COMMITMENT: std::ops::Range<usize> = 64..96;
const REGION_LIMIT: u64 = 1 << 20;

/// Whether `bytes` begin as a container does.
///
/// It takes a prefix of any length, so that a caller can tell a container from a plaintext model.
pub fn is_container(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The random name of one container, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContainerId(pub(crate) [u8; 32]);

impl ContainerId {
    /// Returns the id with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}", HexDisplay(&self.0))
    }
}

impl std::fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContainerId({self})")
    }
}

/// What binds every derived key to one container: SHA-512/256 of its prologue without the commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding(Digest);

impl Binding {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A parsed prologue.
#[derive(Clone, PartialEq, Eq)]
pub struct Prologue {
    /// The cryptographic suite.
    pub suite: Suite,
    /// Size of a chunk.
    pub chunk_size: ChunkSize,
    /// Length of the stanza region in bytes.
    pub region_length: u64,
    /// The container's random name.
    pub container_id: ContainerId,
    /// The commitment to the data key.
    pub commitment: [u8; 32],
}

/// Why bytes are no prologue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrologueError {
    /// The magic number is missing.
    #[error("the file does not begin as a container does")]
    Magic,
    /// The version is unknown.
    #[error("version {0}")]
    Version(u16),
    /// The suite is unknown.
    #[error("suite {0}")]
    Suite(u16),
    /// A flag is unknown.
    #[error("flags {0:#x}")]
    Flags(u32),
    /// A field is out of its limits, or reserved bytes are not zero.
    #[error("a field is out of its limits or reserved bytes are not zero")]
    Malformed,
}

impl Prologue {
    /// Bytes up to the end of what tells whether this version can read a container: magic, version, suite and flags.
    pub const IDENTIFICATION: usize = 16;

    /// Parses a prologue.
    ///
    /// # Errors
    /// [`PrologueError`]: the first field that is wrong, in the order of the format.
    pub fn parse(bytes: &[u8; PROLOGUE_LENGTH]) -> Result<Self, PrologueError> {
        if !is_container(bytes) {
            return Err(PrologueError::Magic);
        }
        let version = read_be16(bytes, 8);
        if version != VERSION {
            return Err(PrologueError::Version(version));
        }
        let suite =
            Suite::from_number(read_be16(bytes, 10)).ok_or(PrologueError::Suite(read_be16(bytes, 10)))?;
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
            container_id: ContainerId(array(&bytes[32..64])),
            commitment: array(&bytes[COMMITMENT]),
        })
    }

    /// Returns the encoding, which is what [`parse`](Self::parse) takes.
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

    /// Returns what binds derived keys to this container.
    pub fn binding(&self) -> Binding {
        let mut bytes = self.encode();
        bytes[COMMITMENT].fill(0);
        Binding(sha512_256(&bytes))
    }
}

/// The length of a stanza region if it is within the limits.
fn region_length(length: u64) -> Option<u64> {
    let fits = (ALIGNMENT..=REGION_LIMIT).contains(&length) && length.is_multiple_of(ALIGNMENT);
    fits.then_some(length)
}

fn array(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prologue() -> Prologue {
        Prologue {
            suite: Suite::Blake3,
            chunk_size: ChunkSize::from_log2(18).unwrap(),
            region_length: 65_536,
            container_id: ContainerId([7; 32]),
            commitment: [9; 32],
        }
    }

    #[test]
    fn parsing_gives_back_what_was_encoded() {
        assert!(Prologue::parse(&prologue().encode()) == Ok(prologue()));
    }

    #[test]
    fn the_commitment_is_not_part_of_the_binding() {
        let other = Prologue { commitment: [1; 32], ..prologue() };
        assert_eq!(other.binding(), prologue().binding());
    }

    #[test]
    fn every_changed_byte_is_refused_or_changes_binding_or_commitment() {
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
