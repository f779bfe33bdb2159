//! The receiver's side of HPKE (RFC 9180) for a private key on a token.
//!
//! The token computes the shared point. This module does the rest: HKDF and AES-256-GCM. The
//! sender's side uses the library `hpke`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use ovseal::DataKey;
use ovseal_memory::Secret;

use super::point::P256_LENGTH;

/// Length of the data key's ciphertext and tag.
pub(super) const CIPHERTEXT_LENGTH: usize = 48;

/// DHKEM(P-256, HKDF-SHA256).
const KEM: &[u8] = b"KEM\x00\x10";
/// The same KEM with HKDF-SHA256 and AES-256-GCM.
const SUITE: &[u8] = b"HPKE\x00\x10\x00\x01\x00\x02";

/// Opens a sender's message with the x-coordinate that the token computed for `encapsulated`.
///
/// Returns `None` if the message is not for this key or was modified.
pub(super) fn open(
    exchanged: &Secret<32>,
    encapsulated: &[u8; P256_LENGTH],
    public: &[u8; P256_LENGTH],
    info: &[u8],
    ciphertext: &[u8; CIPHERTEXT_LENGTH],
) -> Option<DataKey> {
    let shared = shared_secret(exchanged, encapsulated, public);
    let (key, nonce) = key_and_nonce::<32>(SUITE, &shared, info);
    let mut message = Secret::<CIPHERTEXT_LENGTH>::from_fn(|bytes| bytes.copy_from_slice(ciphertext));
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).ok()?);
    let nonce = Nonce::assume_unique_for_key(*nonce.expose());
    let plaintext = key.open_in_place(nonce, Aad::empty(), message.expose_mut()).ok()?;
    let data_key: &[u8; 32] = (&*plaintext).try_into().ok()?;
    Some(DataKey::from_fn(|bytes| bytes.copy_from_slice(data_key)))
}

/// Computes ExtractAndExpand of DHKEM (RFC 9180 §4.1).
fn shared_secret(
    exchanged: &Secret<32>,
    encapsulated: &[u8; P256_LENGTH],
    public: &[u8; P256_LENGTH],
) -> Secret<32> {
    let pseudorandom = extract(KEM, &[], b"eae_prk", exchanged.expose());
    expand(KEM, &pseudorandom, b"shared_secret", &[&encapsulated[..], public].concat())
}

/// Computes KeySchedule of mode Base (RFC 9180 §5.1), without the exporter secret.
///
/// `K` is the key length of the suite.
fn key_and_nonce<const K: usize>(suite: &[u8], shared: &Secret<32>, info: &[u8]) -> (Secret<K>, Secret<12>) {
    let psk_id_hash = extract(suite, &[], b"psk_id_hash", &[]);
    let info_hash = extract(suite, &[], b"info_hash", info);
    let context = [&[0][..], psk_id_hash.expose(), info_hash.expose()].concat();
    let secret = extract(suite, shared.expose(), b"secret", &[]);
    (expand(suite, &secret, b"key", &context), expand(suite, &secret, b"base_nonce", &context))
}

/// Computes LabeledExtract (RFC 9180 §4). HKDF-Extract is one HMAC.
fn extract(suite: &[u8], salt: &[u8], label: &[u8], input: &[u8]) -> Secret<32> {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt));
    [b"HPKE-v1", suite, label, input].iter().for_each(|piece| mac.update(piece));
    let tag = mac.sign();
    Secret::from_fn(|bytes| bytes.copy_from_slice(tag.as_ref()))
}

/// Computes LabeledExpand (RFC 9180 §4) of at most 32 bytes. HKDF-Expand is then one HMAC.
fn expand<const L: usize>(suite: &[u8], pseudorandom: &Secret<32>, label: &[u8], info: &[u8]) -> Secret<L> {
    const { assert!(L <= 32, "one block of HKDF-Expand") };
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, pseudorandom.expose()));
    let length = (L as u16).to_be_bytes();
    [&length, &b"HPKE-v1"[..], suite, label, info, &[1]].iter().for_each(|piece| mac.update(piece));
    let tag = mac.sign();
    Secret::from_fn(|bytes| bytes.copy_from_slice(&tag.as_ref()[..L]))
}

#[cfg(test)]
mod tests {
    use hpke::aead::AesGcm256;
    use hpke::kdf::HkdfSha256;
    use hpke::kem::DhP256HkdfSha256;
    use hpke::{Kem, OpModeS, Serializable};
    use p256::SecretKey;
    use p256::elliptic_curve::sec1::ToSec1Point;

    use super::*;

    struct Sent {
        exchanged: Secret<32>,
        encapsulated: [u8; 65],
        public: [u8; 65],
        ciphertext: [u8; 48],
    }

    /// Sends to a new key with the library `hpke`.
    fn sent(info: &[u8]) -> Sent {
        let (private, public) = DhP256HkdfSha256::gen_keypair();
        let (encapsulated, mut sender) =
            hpke::setup_sender::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(&OpModeS::Base, &public, info)
                .unwrap();
        let ciphertext = sender.seal(&[7; 32], &[]).unwrap();
        let private = SecretKey::from_slice(&private.to_bytes()).unwrap();
        assert_eq!(private.public_key().to_sec1_point(false).as_bytes(), &public.to_bytes()[..]);
        Sent {
            exchanged: exchanged(&private, &encapsulated.to_bytes()),
            encapsulated: encapsulated.to_bytes().as_slice().try_into().unwrap(),
            public: public.to_bytes().as_slice().try_into().unwrap(),
            ciphertext: ciphertext.try_into().unwrap(),
        }
    }

    /// Computes the shared point as the key's owner would.
    fn exchanged(private: &SecretKey, encapsulated: &[u8]) -> Secret<32> {
        let peer = p256::PublicKey::from_sec1_bytes(encapsulated).unwrap();
        let point = p256::ecdh::diffie_hellman(private.to_nonzero_scalar(), peer.as_affine());
        Secret::from_fn(|bytes| bytes.copy_from_slice(point.raw_secret_bytes()))
    }

    fn opened(sent: &Sent, info: &[u8]) -> Option<[u8; 32]> {
        open(&sent.exchanged, &sent.encapsulated, &sent.public, info, &sent.ciphertext)
            .map(|key| *key.expose())
    }

    #[test]
    fn messages_of_the_library_are_opened() {
        for _ in 0..20 {
            assert_eq!(opened(&sent(b"info"), b"info"), Some([7; 32]));
        }
    }

    /// RFC 9180 §A.3.1, whose suite uses AES-128: only the suite's id and the key length differ.
    #[test]
    fn shared_secret_key_and_nonce_are_those_of_the_rfc() {
        let bytes = |digits: &str| base16ct::mixed::decode_vec(digits).unwrap();
        let [encapsulated, public] =
            [ENCAPSULATED, PUBLIC].map(|digits| <[u8; 65]>::try_from(bytes(digits)).unwrap());
        let private =
            SecretKey::from_slice(&bytes("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"))
                .unwrap();
        let shared = shared_secret(&exchanged(&private, &encapsulated), &encapsulated, &public);
        let expected = bytes("c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8");
        assert_eq!(&shared.expose()[..], &expected[..]);
        let info = bytes("4f6465206f6e2061204772656369616e2055726e");
        let (key, nonce) = key_and_nonce::<16>(b"HPKE\x00\x10\x00\x01\x00\x01", &shared, &info);
        assert_eq!(&key.expose()[..], &bytes("868c066ef58aae6dc589b6cfdd18f97e")[..]);
        assert_eq!(&nonce.expose()[..], &bytes("4e0bc5018beba4bf004cca59")[..]);
    }

    const ENCAPSULATED: &str = "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4";
    const PUBLIC: &str = "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0";

    #[test]
    fn any_change_opens_nothing() {
        let mut sent = sent(b"info");
        assert_eq!(opened(&sent, b"other"), None);
        for at in 0..48 {
            sent.ciphertext[at] ^= 1;
            assert_eq!(opened(&sent, b"info"), None);
            sent.ciphertext[at] ^= 1;
        }
        sent.public[64] ^= 1;
        assert_eq!(opened(&sent, b"info"), None);
        sent.public[64] ^= 1;
        sent.exchanged.expose_mut()[0] ^= 1;
        assert_eq!(opened(&sent, b"info"), None);
    }
}
