//! AES-256-GCM by `aws-lc-rs`, which zeroizes its keys itself.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ovseal_memory::Secret;

use super::{AeadKey, KEY_LENGTH, NONCE_LENGTH, Tag, Unauthentic};

/// A key in secret memory, expanded for each call.
///
/// The library keeps an expanded key in ordinary memory, so it must not outlive the call. Expanding
/// costs little compared with a chunk.
pub(super) struct AwsLcKey(Secret<KEY_LENGTH>);

impl AwsLcKey {
    pub(super) fn new(key: &[u8; KEY_LENGTH]) -> Self {
        Self(Secret::from_fn(|secret| secret.copy_from_slice(key)))
    }

    fn expanded(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, self.0.expose());
        LessSafeKey::new(key.expect("the key has the length of the algorithm"))
    }
}

impl AeadKey for AwsLcKey {
    fn encrypt(&self, nonce: &[u8; NONCE_LENGTH], associated_data: &[u8], data: &mut [u8]) -> Tag {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self
            .expanded()
            .seal_in_place_separate_tag(nonce, Aad::from(associated_data), data)
            .expect("chunks are far below the limit of AES-GCM");
        *tag.as_ref().first_chunk().expect("tags of AES-GCM have 16 bytes")
    }

    fn decrypt(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        associated_data: &[u8],
        tag: &Tag,
        data: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.expanded().open_in_place_separate_tag(nonce, Aad::from(associated_data), tag, data);
        opened.map(drop).map_err(|_| Unauthentic)
    }
}
