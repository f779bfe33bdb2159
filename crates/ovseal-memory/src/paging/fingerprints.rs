//! Fingerprints of chunks: a chunk that comes again must have the bytes that its readers saw.

use std::sync::OnceLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

/// Remembers a fingerprint of each chunk whose pages were given back.
///
/// A fingerprint is a GMAC (NIST SP 800-38D) under a random key of this value, with the chunk's number as nonce. The key
/// never leaves the process, so whoever chooses the bytes of a chunk cannot choose others with the same fingerprint:
/// a guess is right with a probability of at most 2⁻¹⁰⁷, for chunks of 16 MiB.
pub(super) struct Fingerprints {
    key: LessSafeKey,
    chunks: Box<[OnceLock<Fingerprint>]>,
}

type Fingerprint = [u8; MAX_TAG_LEN];

impl Fingerprints {
    /// Makes a key, with nothing remembered for any of `count` chunks.
    pub(super) fn new(count: usize) -> Result<Self, Unspecified> {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        aws_lc_rs::rand::fill(key.as_mut())?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref())?);
        Ok(Self { key, chunks: (0..count).map(|_| OnceLock::new()).collect() })
    }

    /// Remembers a chunk, unless it was remembered before. Returns whether it is remembered now.
    pub(super) fn remember(&self, index: usize, chunk: &[u8]) -> bool {
        let Some(place) = self.chunks.get(index) else { return false };
        self.has(index) || self.compute(index, chunk).is_some_and(|made| place.set(made).is_ok())
    }

    /// Returns whether a chunk is remembered.
    pub(super) fn has(&self, index: usize) -> bool {
        self.chunks.get(index).is_some_and(|place| place.get().is_some())
    }

    /// Returns whether a chunk is the one that was remembered. Where none was, every chunk is.
    pub(super) fn is_same(&self, index: usize, chunk: &[u8]) -> bool {
        let remembered = self.chunks.get(index).and_then(OnceLock::get);
        remembered.is_none_or(|remembered| self.compute(index, chunk).as_ref() == Some(remembered))
    }

    fn compute(&self, index: usize, chunk: &[u8]) -> Option<Fingerprint> {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let made = self.key.seal_in_place_separate_tag(nonce, Aad::from(chunk), &mut []).ok()?;
        made.as_ref().try_into().ok()
    }
}

/// Bytes in a key of AES-256.
const KEY_LENGTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_other_byte_is_noticed() {
        let (fingerprints, chunk) = (Fingerprints::new(2).unwrap(), [7; 1000]);
        assert!(!fingerprints.has(1) && fingerprints.remember(1, &chunk) && fingerprints.has(1));
        assert!(fingerprints.is_same(1, &chunk));
        for at in 0..chunk.len() {
            let mut other = chunk;
            other[at] ^= 1;
            assert!(!fingerprints.is_same(1, &other), "byte {at}");
        }
        assert!(!fingerprints.is_same(1, &chunk[1..]));
    }

    #[test]
    fn the_first_one_is_kept() {
        let fingerprints = Fingerprints::new(1).unwrap();
        assert!(fingerprints.is_same(0, b"nothing is remembered yet"));
        assert!(fingerprints.remember(0, b"first") && fingerprints.remember(0, b"second"));
        assert!(fingerprints.is_same(0, b"first") && !fingerprints.is_same(0, b"second"));
    }

    #[test]
    fn past_the_end_nothing_is_remembered() {
        assert!(!Fingerprints::new(1).unwrap().remember(1, b"chunk"));
    }

    #[test]
    fn a_chunk_has_another_fingerprint_in_another_mapping_and_at_another_place() {
        let [one, other] = [(); 2].map(|()| Fingerprints::new(2).unwrap());
        assert_ne!(one.compute(0, b"chunk"), one.compute(1, b"chunk"));
        assert_ne!(one.compute(0, b"chunk"), other.compute(0, b"chunk"));
    }
}
