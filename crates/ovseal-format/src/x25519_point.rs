//! X25519 points that make every shared secret zero (RFC 7748 §6.1).

use aws_lc_rs::agreement;

/// Returns true if X25519 with the last 32 bytes of `key` results in an all-zero shared secret.
///
/// Public and encapsulated keys of X25519 and of X-Wing end with such a point. A random private key
/// decides it for all of them. Clamped scalars are multiples of the cofactor, so the result is zero
/// for every scalar if the point has small order, and for none otherwise. `hpke` does not check
/// this inside X-Wing.
///
/// # Panics
/// If `key` has fewer than 32 bytes.
pub(crate) fn has_zero_share(key: &[u8]) -> bool {
    let point: &[u8; 32] = key.last_chunk().expect("keys and encapsulated keys have at least 32 bytes");
    let peer = agreement::UnparsedPublicKey::new(&agreement::X25519, point);
    agreement::PrivateKey::generate(&agreement::X25519)
        .and_then(|private| agreement::agree(&private, peer, aws_lc_rs::error::Unspecified, |_| Ok(())))
        .is_err()
}
