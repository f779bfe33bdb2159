//! Calls AES-256-GCM directly in the two libraries between which `ovseal` chooses.

use aws_lc_rs::aead as aws;
use ring::aead as ring;

use crate::Result;

/// An AES-GCM tag.
pub(crate) type Tag = [u8; 16];

/// One library with one key.
pub(crate) enum Aead {
    /// `ring`.
    Ring(Box<ring::LessSafeKey>),
    /// `aws-lc-rs`.
    AwsLc(aws::LessSafeKey),
}

impl Aead {
    /// Uses `ring` with a well-known key.
    pub(crate) fn ring() -> Result<Self> {
        let key = ring::UnboundKey::new(&ring::AES_256_GCM, &KEY).map_err(|_| "ring rejects the key")?;
        Ok(Self::Ring(Box::new(ring::LessSafeKey::new(key))))
    }

    /// Uses `aws-lc-rs` with the same key.
    pub(crate) fn aws_lc() -> Result<Self> {
        let key = aws::UnboundKey::new(&aws::AES_256_GCM, &KEY).map_err(|_| "aws-lc-rs rejects the key")?;
        Ok(Self::AwsLc(aws::LessSafeKey::new(key)))
    }

    /// Uses the library that `ovseal` chooses on this processor.
    pub(crate) fn chosen() -> Result<Self> {
        match ovseal::AeadProvider::detect() {
            ovseal::AeadProvider::Ring => Self::ring(),
            ovseal::AeadProvider::AwsLc => Self::aws_lc(),
        }
    }

    /// Decrypts chunk number `index` in place.
    pub(crate) fn decrypt(&self, index: u64, tag: &Tag, data: &mut [u8]) -> Result<()> {
        let nonce = nonce(index);
        let is_authentic = match self {
            Self::Ring(key) => {
                let (nonce, tag) = (ring::Nonce::assume_unique_for_key(nonce), ring::Tag::from(*tag));
                key.open_in_place_separate_tag(nonce, ring::Aad::empty(), tag, data, 0..).is_ok()
            }
            Self::AwsLc(key) => {
                let nonce = aws::Nonce::assume_unique_for_key(nonce);
                key.open_in_place_separate_tag(nonce, aws::Aad::empty(), tag, data).is_ok()
            }
        };
        if is_authentic { Ok(()) } else { Err("a chunk of the reference is not authentic".into()) }
    }

    /// Returns the tag that makes `data` itself a valid ciphertext of chunk number `index`.
    ///
    /// AES-GCM encrypts by XOR. Encrypting `data` returns the plaintext of the ciphertext `data`,
    /// and encrypting that returns `data` again, with its tag. Any file can therefore
    /// serve as a ciphertext, and the page cache does not hold a second one.
    pub(crate) fn tag_as_ciphertext(&self, index: u64, data: &mut [u8]) -> Result<Tag> {
        self.encrypt(index, data)?;
        self.encrypt(index, data)
    }

    fn encrypt(&self, index: u64, data: &mut [u8]) -> Result<Tag> {
        let nonce = nonce(index);
        let mut bytes = Tag::default();
        match self {
            Self::Ring(key) => {
                let nonce = ring::Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, ring::Aad::empty(), data);
                bytes.copy_from_slice(tag.map_err(|_| "ring cannot encrypt")?.as_ref());
            }
            Self::AwsLc(key) => {
                let nonce = aws::Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, aws::Aad::empty(), data);
                bytes.copy_from_slice(tag.map_err(|_| "aws-lc-rs cannot encrypt")?.as_ref());
            }
        }
        Ok(bytes)
    }
}

fn nonce(index: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&index.to_be_bytes());
    nonce
}

/// The key protects nothing.
const KEY: [u8; 32] = [7; 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_ciphertext_under_their_tag_for_both_libraries() {
        let (ring, aws_lc) = (Aead::ring().unwrap(), Aead::aws_lc().unwrap());
        let mut data = *b"any bytes";
        let tag = ring.tag_as_ciphertext(3, &mut data).unwrap();
        assert_eq!(&data, b"any bytes");
        for aead in [ring, aws_lc] {
            let mut decrypted = data;
            aead.decrypt(3, &tag, &mut decrypted).unwrap();
            assert!(aead.decrypt(4, &tag, &mut data.clone()).is_err());
        }
    }
}
