//! AES-256-GCM by `ring`.

use ovseal_memory::Protected;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag as RingTag, UnboundKey};

use super::{AeadKey, KEY_LENGTH, NONCE_LENGTH, Tag, Unauthentic};

/// An expanded key in protected memory, because `ring` does not zeroize its keys.
pub(super) struct RingKey(Protected<LessSafeKey>);

impl RingKey {
    pub(super) fn new(key: &[u8; KEY_LENGTH]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the length of the algorithm");
        Self(Protected::new(LessSafeKey::new(key)))
    }
}

impl AeadKey for RingKey {
    fn encrypt(&self, nonce: &[u8; NONCE_LENGTH], associated_data: &[u8], data: &mut [u8]) -> Tag {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self
            .0
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
        let (tag, associated_data) = (RingTag::from(*tag), Aad::from(associated_data));
        let opened = self.0.open_in_place_separate_tag(nonce, associated_data, tag, data, 0..);
        opened.map(drop).map_err(|_| Unauthentic)
    }
}
