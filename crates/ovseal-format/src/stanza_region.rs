//! Stanzas with generation and MAC, in a container or a side file (`docs/format.md` §2.2, §8).

use crate::crypto::data_key::{FittingKey, Label};
use crate::layout::{REGION_LIMIT, align, all_zero, read_be32, read_be64};
use crate::stanza::{self, Stanza};
use crate::suite::sha256;

const HEAD: usize = 16;
const MAC: usize = 32;
const CHECKSUM: usize = 32;

/// Greatest generation.
pub const GENERATION_LIMIT: u64 = i64::MAX as u64;

/// Bytes around the stanzas.
const OVERHEAD: usize = HEAD + MAC + CHECKSUM;

const DEFAULT_LENGTH: u64 = 65_536;

/// Stanzas with a generation and a MAC, which [`is_authentic`](Self::is_authentic) checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaRegion {
    /// Generation of the stanzas: 1 after sealing, increased by one by each rekeying.
    pub generation: u64,
    /// The stanzas.
    pub stanzas: Vec<Stanza>,
    mac: [u8; MAC],
}

impl StanzaRegion {
    /// Parses the region at the start of `bytes`. Returns the region and the bytes after it.
    ///
    /// MAC and checksum also cover `prefix`. Returns `None` if the checksum is wrong, the region is
    /// malformed, or a limit is exceeded.
    pub fn parse<'b>(prefix: &[u8], bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (head, _) = bytes.split_at_checked(HEAD)?;
        let length = read_be32(head, 0) as usize;
        let (region, rest) = bytes.split_at_checked(length.checked_add(OVERHEAD)?)?;
        let (covered, checksum) = region.split_at(HEAD + length + MAC);
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

    /// Parses a container's whole region, which is padded with zeros.
    pub fn parse_padded(bytes: &[u8]) -> Option<Self> {
        let (region, padding) = Self::parse(&[], bytes)?;
        all_zero(padding).then_some(region)
    }

    /// Creates a region. Its MAC, under the secret for `label`, covers `prefix` and the content.
    pub fn new(key: &FittingKey, label: Label, prefix: &[u8], generation: u64, stanzas: Vec<Stanza>) -> Self {
        let mut region = Self { generation, stanzas, mac: [0; MAC] };
        region.mac = key.mac(label, &[prefix, &region.content()]);
        region
    }

    /// Returns the MAC, by which a rekeying file identifies the region that it replaces.
    pub fn mac(&self) -> &[u8; MAC] {
        &self.mac
    }

    /// Returns true if the MAC is correct.
    pub fn is_authentic(&self, key: &FittingKey, label: Label, prefix: &[u8]) -> bool {
        key.mac_is(label, &[prefix, &self.content()], &self.mac)
    }

    /// Returns the region with its checksum, without padding.
    pub fn encode(&self, prefix: &[u8]) -> Vec<u8> {
        let mut bytes = self.content();
        bytes.extend_from_slice(&self.mac);
        let checksum = sha256(&[prefix, &bytes]);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// Returns a container's whole region of `length` bytes, or `None` if it does not fit.
    pub fn encode_padded(&self, length: u64) -> Option<Vec<u8>> {
        let mut bytes = self.encode(&[]);
        let length = usize::try_from(length).ok()?;
        (bytes.len() <= length).then(|| {
            bytes.resize(length, 0);
            bytes
        })
    }

    /// Returns the length of a new container's region, which leaves room for rekeying.
    pub fn padded_length(stanzas: &[Stanza]) -> u64 {
        let used = stanzas.iter().map(Stanza::encoded_length).sum::<usize>() + OVERHEAD;
        align(2 * used as u64).clamp(DEFAULT_LENGTH, REGION_LIMIT)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fitting_key;

    fn region(stanza_type: &str, body: usize) -> StanzaRegion {
        let stanzas = vec![Stanza::new(stanza_type, vec![1; 32], |_| vec![2; body]).unwrap()];
        StanzaRegion::new(&fitting_key(), Label::StanzaMac, &[], 5, stanzas)
    }

    #[test]
    fn an_encoded_region_parses_to_itself() {
        let region = region("keyfile", 80);
        let parsed = StanzaRegion::parse_padded(&region.encode_padded(4096).unwrap()).unwrap();
        assert_eq!(parsed, region);
        assert!(parsed.is_authentic(&fitting_key(), Label::StanzaMac, &[]));
    }

    #[test]
    fn every_flipped_byte_of_a_region_is_rejected() {
        let good = region("keyfile", 80).encode_padded(4096).unwrap();
        for position in 0..good.len() {
            let mut bytes = good.clone();
            bytes[position] ^= 0x80;
            assert_eq!(StanzaRegion::parse_padded(&bytes), None, "byte {position}");
        }
    }

    #[test]
    fn the_mac_covers_label_generation_and_prefix() {
        let (region, key) = (region("keyfile", 80), fitting_key());
        let other = StanzaRegion { generation: 6, ..region.clone() };
        assert!(!other.is_authentic(&key, Label::StanzaMac, &[]));
        assert!(!region.is_authentic(&key, Label::SidefileMac, &[]));
        assert!(!region.is_authentic(&key, Label::StanzaMac, b"prefix"));
    }

    #[test]
    fn a_region_that_is_too_long_is_not_encoded() {
        assert_eq!(region("big", 5000).encode_padded(4096), None);
    }
}
