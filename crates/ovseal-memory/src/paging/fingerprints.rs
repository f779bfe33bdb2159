//! Fingerprints, which show that a chunk filled again has the same bytes as before.

use std::sync::OnceLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

/// The fingerprints of all chunks whose pages were released.
///
/// A fingerprint is a GMAC (NIST SP 800-38D) under a random key, with the chunk's number as nonce.
/// The key never leaves the process. So an attacker who chooses the bytes of a chunk cannot find
/// others with the same fingerprint. For chunks of 16 MiB, a guess succeeds with a probability of
/// at most 2⁻¹⁰⁷.
pub(super) struct Fingerprints {
    key: LessSafeKey,
    chunks: Box<[OnceLock<Fingerprint>]>,
}

type Fingerprint = [u8; MAX_TAG_LEN];

impl Fingerprints {
    /// Generates a key. None of the `count` chunks is remembered yet.
    pub(super) fn new(count: usize) -> Result<Self, Unspecified> {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        aws_lc_rs::rand::fill(key.as_mut())?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref())?);
        Ok(Self { key, chunks: (0..count).map(|_| OnceLock::new()).collect() })
    }

    /// Remembers a chunk, unless it is already remembered. Returns whether it is remembered now.
    pub(super) fn remember(&self, index: usize, chunk: &[u8]) -> bool {
        let Some(place) = self.chunks.get(index) else { return false };
        self.has(index) || self.compute(index, chunk).is_some_and(|made| place.set(made).is_ok())
    }

    /// Returns whether a chunk is remembered.
    pub(super) fn has(&self, index: usize) -> bool {
        self.chunks.get(index).is_some_and(|place| place.get().is_some())
    }

    /// Returns whether a chunk equals the remembered one. True if none is remembered.
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

/// Bytes of an AES-256 key.
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
