//! The last 256 bytes, which locate the sections of the trailer (`docs/format.md` §2.3).

use crate::layout::{CHUNK_LIMIT, TAG_LENGTH, all_zero, read_array, read_be16, read_be64};
use crate::manifest::MANIFEST_LIMIT;
use crate::publisher::SIGNATURES_LIMIT;
use crate::statement::STATEMENT_LIMIT;
use crate::suite::{DIGEST_LENGTH, Digest};

/// Length of a footer, in bytes.
pub const FOOTER_LENGTH: usize = 256;

/// Length of the MAC of the trailer, in bytes.
pub const MAC_LENGTH: usize = 32;

const MAGIC: [u8; 8] = *b"\x89OVSEND\n";
const VERSION: u16 = 1;

/// The offset of the trailer and the lengths of its sections, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Offset of the trailer in the container.
    pub trailer: u64,
    /// Length of the tags.
    pub tags: u64,
    /// Length of the digests.
    pub digests: u64,
    /// Length of the encrypted manifest with its tag.
    pub manifest: u64,
    /// Length of the statement.
    pub statement: u64,
    /// Length of the signatures.
    pub signatures: u64,
    /// SHA-256 of the trailer, which detects damage without a key.
    pub checksum: Digest,
}

impl Footer {
    /// Parses the footer of a file of `file_length` bytes.
    ///
    /// Returns `None` if it is malformed, or if its lengths do not add up to `file_length`.
    pub fn parse(bytes: &[u8; FOOTER_LENGTH], file_length: u64) -> Option<Self> {
        let good = bytes.starts_with(&MAGIC)
            && read_be16(bytes, 8) == VERSION
            && all_zero(&bytes[10..16])
            && read_be64(bytes, 16) == file_length
            && all_zero(&bytes[104..]);
        let footer = Self {
            trailer: read_be64(bytes, 24),
            tags: read_be64(bytes, 32),
            digests: read_be64(bytes, 40),
            manifest: read_be64(bytes, 48),
            statement: read_be64(bytes, 56),
            signatures: read_be64(bytes, 64),
            checksum: read_array(bytes, 72),
        };
        (good && footer.is_within_limits() && footer.file_length() == Some(file_length)).then_some(footer)
    }

    /// Encodes the footer into the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> [u8; FOOTER_LENGTH] {
        let mut bytes = [0; FOOTER_LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
        let length = self.file_length().unwrap_or(u64::MAX);
        let numbers =
            [length, self.trailer, self.tags, self.digests, self.manifest, self.statement, self.signatures];
        for (field, number) in bytes[16..72].chunks_exact_mut(8).zip(numbers) {
            field.copy_from_slice(&number.to_be_bytes());
        }
        bytes[72..104].copy_from_slice(&self.checksum);
        bytes
    }

    /// Returns the offset of the manifest.
    pub const fn manifest_offset(&self) -> u64 {
        self.trailer + self.tags + self.digests
    }

    /// Returns the offset of the statement.
    pub const fn statement_offset(&self) -> u64 {
        self.manifest_offset() + self.manifest
    }

    /// Returns the length of all sections together, including the MAC.
    pub const fn trailer_length(&self) -> u64 {
        self.tags + self.digests + self.manifest + self.statement + self.signatures + MAC_LENGTH as u64
    }

    /// Returns true if the tables of tags and digests have the right lengths for `chunks` chunks.
    pub const fn has_chunks(&self, chunks: u64) -> bool {
        self.tags == chunks * TAG_LENGTH as u64 && self.digests == chunks * DIGEST_LENGTH as u64
    }

    fn is_within_limits(&self) -> bool {
        self.tags <= CHUNK_LIMIT * TAG_LENGTH as u64
            && self.digests <= CHUNK_LIMIT * DIGEST_LENGTH as u64
            && (1 + TAG_LENGTH as u64..=MANIFEST_LIMIT + TAG_LENGTH as u64).contains(&self.manifest)
            && (1..=STATEMENT_LIMIT).contains(&self.statement)
            && (1..=SIGNATURES_LIMIT).contains(&self.signatures)
    }

    fn file_length(&self) -> Option<u64> {
        self.trailer.checked_add(self.trailer_length())?.checked_add(FOOTER_LENGTH as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOOTER: Footer = Footer {
        trailer: 12_288,
        tags: 32,
        digests: 64,
        manifest: 100,
        statement: 200,
        signatures: 1,
        checksum: [7; 32],
    };
    const LENGTH: u64 = 12_288 + 32 + 64 + 100 + 200 + 1 + 32 + 256;

    #[test]
    fn an_encoded_footer_parses_to_itself() {
        assert_eq!(Footer::parse(&FOOTER.encode(), LENGTH), Some(FOOTER));
    }

    #[test]
    fn another_file_length_is_rejected() {
        for length in [0, LENGTH - 1, LENGTH + 1] {
            assert_eq!(Footer::parse(&FOOTER.encode(), length), None);
        }
    }

    #[test]
    fn empty_manifest_statement_and_signatures_are_rejected() {
        let least = Footer { manifest: 1 + TAG_LENGTH as u64, statement: 1, signatures: 1, ..FOOTER };
        let parsed = |footer: Footer| Footer::parse(&footer.encode(), footer.file_length().unwrap());
        assert_eq!(parsed(least), Some(least));
        assert_eq!(parsed(Footer { manifest: TAG_LENGTH as u64, ..least }), None);
        assert_eq!(parsed(Footer { statement: 0, ..least }), None);
        assert_eq!(parsed(Footer { signatures: 0, ..least }), None);
    }

    #[test]
    fn the_greatest_lengths_do_not_wrap() {
        for position in (16..72).step_by(8) {
            let mut bytes = FOOTER.encode();
            bytes[position..position + 8].fill(0xff);
            assert_eq!(Footer::parse(&bytes, LENGTH), None, "field at {position}");
        }
    }

    #[test]
    fn every_changed_byte_outside_the_checksum_is_rejected() {
        for position in (0..72).chain(104..FOOTER_LENGTH) {
            let mut bytes = FOOTER.encode();
            bytes[position] ^= 1;
            assert_eq!(Footer::parse(&bytes, LENGTH), None, "byte {position}");
        }
    }
}
