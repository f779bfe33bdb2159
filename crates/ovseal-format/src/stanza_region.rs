//! A block of stanzas with its generation and MAC, as it stands in a container or a side file (`docs/format.md` §2.2, §8).

use crate::crypto::data_key::{FittingKey, Label};
use crate::layout::{all_zero, read_be32, read_be64};
use crate::stanza::{self, Stanza};
use crate::suite::sha256;

const HEAD: usize = 16;
const MAC: usize = 32;
const CHECKSUM: usize = 32;

/// The highest generation.
pub const GENERATION_LIMIT: u64 = i64::MAX as u64;

/// Bytes around the stanzas.
const OVERHEAD: usize = HEAD + MAC + CHECKSUM;

/// Stanzas whose MAC has not been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaRegion {
    /// Number of this version of the stanzas, from 1.
    pub generation: u64,
    /// The stanzas.
    pub stanzas: Vec<Stanza>,
    mac: [u8; MAC],
}

impl StanzaRegion {
    /// The block at the beginning of `bytes` and what follows it, if its checksum and limits hold.
    ///
    /// `prefix` is what the MAC and the checksum cover before the block.
    pub fn parse<'b>(prefix: &[u8], bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (head, _) = bytes.split_at_checked(HEAD)?;
        let length = read_be32(head, 0) as usize;
        let (body, rest) = bytes.split_at_checked(length.checked_add(OVERHEAD)?)?;
        let (covered, checksum) = body.split_at(HEAD + length + MAC);
        if sha256(&[prefix, covered]) != *checksum && !crate::WITHOUT_AUTHENTICATION {
            return None;
        }
        let (content, mac) = covered.split_last_chunk::<MAC>()?;
        let stanzas = stanza::parse_all(&content[HEAD..], read_be32(head, 4))?;
        let generation = read_be64(head, 8);
        (1..=GENERATION_LIMIT)
            .contains(&generation)
            .then_some((Self { generation, stanzas, mac: *mac }, rest))
    }

    /// A new block with its MAC.
    pub fn new(key: &FittingKey, label: Label, prefix: &[u8], generation: u64, stanzas: Vec<Stanza>) -> Self {
        let mut block = Self { generation, stanzas, mac: [0; MAC] };
        block.mac = key.mac(label, &[prefix, &block.content()]);
        block
    }

    /// Returns the MAC, which names this block among those that a key authenticates.
    pub fn mac(&self) -> &[u8; MAC] {
        &self.mac
    }

    /// Whether the MAC is right.
    pub fn is_authentic(&self, key: &FittingKey, label: Label, prefix: &[u8]) -> bool {
        key.mac_is(label, &[prefix, &self.content()], &self.mac)
    }

    /// Block and checksum.
    pub fn encode(&self, prefix: &[u8]) -> Vec<u8> {
        let mut bytes = self.content();
        bytes.extend_from_slice(&self.mac);
        let checksum = sha256(&[prefix, &bytes]);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    fn content(&self) -> Vec<u8> {
        let stanzas = stanza::encode_all(&self.stanzas);
        let mut bytes = Vec::with_capacity(stanzas.len() + OVERHEAD);
        bytes.extend_from_slice(&(stanzas.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&(self.stanzas.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&stanzas);
        bytes
    }
}

/// The block of a container's region: what follows it must be zero.
pub fn parse_region(region: &[u8]) -> Option<StanzaRegion> {
    let (block, rest) = StanzaRegion::parse(&[], region)?;
    all_zero(rest).then_some(block)
}

/// The block as a region of `length` bytes, or nothing if it does not fit.
pub fn encode_region(block: &StanzaRegion, length: u64) -> Option<Vec<u8>> {
    let mut bytes = block.encode(&[]);
    let length = usize::try_from(length).ok()?;
    (bytes.len() <= length).then(|| {
        bytes.resize(length, 0);
        bytes
    })
}

/// The length of the region of a new container: room for rekeying, whatever the stanzas.
pub fn region_length_for(stanzas: &[Stanza]) -> u64 {
    const DEFAULT: u64 = 65_536;
    let used = stanzas.iter().map(Stanza::encoded_length).sum::<usize>() as u64 + OVERHEAD as u64;
    if 2 * used <= DEFAULT { DEFAULT } else { crate::layout::align(2 * used).min(1 << 20) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::data_key::DataKey;
    use crate::layout::ChunkSize;
    use crate::prologue::{ContainerId, Prologue};
    use crate::suite::Suite;

    fn key() -> FittingKey {
        let key = DataKey::from_fn(|bytes| bytes.fill(4));
        let mut prologue = Prologue {
            suite: Suite::Blake3,
            chunk_size: ChunkSize::SMALL,
            region_length: 4096,
            container_id: ContainerId([1; 32]),
            commitment: [0; 32],
        };
        prologue.commitment = key.commitment(&prologue.binding());
        key.fit(&prologue).unwrap()
    }

    fn block() -> StanzaRegion {
        let stanzas = vec![Stanza::new("keyfile", vec![1; 32], |_| vec![2; 80]).unwrap()];
        StanzaRegion::new(&key(), Label::StanzaMac, &[], 5, stanzas)
    }

    #[test]
    fn parsing_gives_back_what_was_encoded() {
        let region = encode_region(&block(), 4096).unwrap();
        let parsed = parse_region(&region).unwrap();
        assert_eq!(parsed, block());
        assert!(parsed.is_authentic(&key(), Label::StanzaMac, &[]));
    }

    #[test]
    fn every_flipped_byte_of_a_region_is_refused() {
        let good = encode_region(&block(), 4096).unwrap();
        for position in 0..good.len() {
            let mut region = good.clone();
            region[position] ^= 0x80;
            assert_eq!(parse_region(&region), None, "byte {position}");
        }
    }

    #[test]
    fn the_mac_covers_label_generation_and_prefix() {
        let block = block();
        let other = StanzaRegion { generation: 6, ..block.clone() };
        assert!(!other.is_authentic(&key(), Label::StanzaMac, &[]));
        assert!(!block.is_authentic(&key(), Label::SidefileMac, &[]));
        assert!(!block.is_authentic(&key(), Label::StanzaMac, b"prefix"));
    }

    #[test]
    fn a_block_that_is_too_long_gets_no_region() {
        let stanzas = vec![Stanza::new("big", vec![], |_| vec![0; 5000]).unwrap()];
        let block = StanzaRegion::new(&key(), Label::StanzaMac, &[], 1, stanzas);
        assert_eq!(encode_region(&block, 4096), None);
    }
}
