//! The key derivations of TPM 2.0 (Library, part 1, 11.4.10) and its symmetric encryption.

use aws_lc_rs::cipher::{self, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::{digest, hmac};
use ovseal_memory::Secret;

use super::wire::Bytes32;

/// Computes `KDFa`: SP 800-108 in counter mode with HMAC-SHA-256, one round of at most 32 bytes.
pub(super) fn kdf_a<const N: usize>(key: &[u8], label: &str, context: &[u8]) -> Secret<N> {
    const { assert!(N <= 32, "one round yields 32 bytes") };
    let bits = (N as u32 * 8).to_be_bytes();
    let mac = hmac_sha256(key, &[&1u32.to_be_bytes(), label.as_bytes(), &[0], context, &bits]);
    Secret::from_fn(|bytes| bytes.copy_from_slice(&mac.expose()[..N]))
}

/// Computes `KDFe`: the one-step derivation of SP 800-56A with SHA-256, 32 bytes.
pub(super) fn kdf_e(share: &Secret<32>, label: &str, ephemeral: &Bytes32, public: &Bytes32) -> Secret<32> {
    let mut context = digest::Context::new(&digest::SHA256);
    let pieces = [&1u32.to_be_bytes()[..], share.expose(), label.as_bytes(), &[0], ephemeral, public];
    pieces.iter().for_each(|piece| context.update(piece));
    Secret::from_fn(|bytes| bytes.copy_from_slice(context.finish().as_ref()))
}

/// Computes HMAC-SHA-256 over `pieces`.
pub(super) fn hmac_sha256(key: &[u8], pieces: &[&[u8]]) -> Secret<32> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    pieces.iter().for_each(|piece| context.update(piece));
    Secret::from_fn(|bytes| bytes.copy_from_slice(context.sign().as_ref()))
}

/// Encrypts `data` in place with AES-128 in CFB mode.
///
/// The initialization vector is zero, because each key of the TPM's wrapping is used once.
pub(super) fn encrypt_cfb(key: &Secret<16>, data: &mut [u8]) {
    let key = UnboundCipherKey::new(&cipher::AES_128, key.expose()).expect("the key has 16 bytes");
    let key = EncryptingKey::cfb128(key).expect("AES-128 has this mode");
    let zero = EncryptionContext::Iv128([0; 16].into());
    key.less_safe_encrypt(data, zero).expect("CFB supports any length");
}
