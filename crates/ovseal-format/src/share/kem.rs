//! HPKE (RFC 9180) of one share to an X-Wing or a P-256 key.

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::{DhP256HkdfSha256, XWing};
use hpke::{Deserializable, Kem as HpkeKem, OpModeR, OpModeS, Serializable};
use ovseal_memory::{Parked, Secret};
use zeroize::Zeroize;

use super::SHARE_LENGTH;
use crate::random::{RandomnessError, random_secret};
use crate::x25519_point::has_zero_share;

/// Length of an encrypted share without the encapsulated key, in bytes.
pub const SEALED_OVERHEAD: usize = SHARE_LENGTH + 16;

/// A key encapsulation mechanism, by its number in RFC 9180's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kem {
    /// DHKEM(P-256, HKDF-SHA256), for keys in a token or a key management system.
    P256 = 0x0010,
    /// X-Wing: ML-KEM-768 and X25519.
    XWing = 0x647a,
}

/// A public key of one of these mechanisms, which was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KemPublicKey(Public);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Public {
    P256(Box<<DhP256HkdfSha256 as HpkeKem>::PublicKey>),
    XWing(Box<<XWing as HpkeKem>::PublicKey>),
}

/// A private key of one of these mechanisms: a scalar of P-256, or the seed of X-Wing.
#[derive(Debug)]
pub struct KemPrivateKey {
    kem: Kem,
    secret: Parked<Secret<32>>,
}

/// A share could not be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the share could not be encrypted to this public key")]
pub struct ShareError;

impl Kem {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::P256, Self::XWing];

    /// Returns the mechanism with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|&kem| u64::from(kem.number()) == number)
    }

    /// Returns its number.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Returns the length of an encapsulated key, in bytes.
    pub const fn encapsulated_length(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::XWing => 1120,
        }
    }

    /// Returns the length of an encrypted share with its encapsulated key, in bytes.
    pub const fn sealed_length(self) -> usize {
        self.encapsulated_length() + SEALED_OVERHEAD
    }
}

impl KemPublicKey {
    /// Parses a public key: 1216 bytes for X-Wing; 65 for P-256, uncompressed.
    ///
    /// Returns `None` for any other bytes, and for a key whose shared secrets anyone could compute.
    pub fn parse(kem: Kem, bytes: &[u8]) -> Option<Self> {
        let key = match kem {
            Kem::P256 => Public::P256(Box::new(Deserializable::from_bytes(bytes).ok()?)),
            Kem::XWing => Public::XWing(Box::new(Deserializable::from_bytes(bytes).ok()?)),
        };
        let weak = kem == Kem::XWing && has_zero_share(bytes);
        (!weak).then_some(Self(key))
    }

    /// Returns its mechanism.
    pub const fn kem(&self) -> Kem {
        match self.0 {
            Public::P256(_) => Kem::P256,
            Public::XWing(_) => Kem::XWing,
        }
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Public::P256(key) => key.to_bytes().to_vec(),
            Public::XWing(key) => key.to_bytes().to_vec(),
        }
    }

    /// Encrypts `share`; returns encapsulated key, ciphertext and tag.
    ///
    /// # Errors
    /// [`ShareError`] if the operating system provides no random bytes.
    pub fn seal(
        &self,
        info: &[u8],
        associated_data: &[u8],
        share: &Secret<SHARE_LENGTH>,
    ) -> Result<Vec<u8>, ShareError> {
        match &self.0 {
            Public::P256(key) => seal::<DhP256HkdfSha256>(key, info, associated_data, share),
            Public::XWing(key) => seal::<XWing>(key, info, associated_data, share),
        }
    }
}

impl KemPrivateKey {
    /// Creates a key from the 32 bytes that are stored.
    ///
    /// Returns `None` if they are not a private key: P-256 has fewer scalars.
    pub fn parse(kem: Kem, secret: Secret<32>) -> Option<Self> {
        if kem == Kem::P256 {
            <DhP256HkdfSha256 as HpkeKem>::PrivateKey::from_bytes(secret.expose()).ok()?;
        }
        Some(Self { kem, secret: Parked::new(secret) })
    }

    /// Creates a random key.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system provides no random bytes.
    pub fn generate(kem: Kem) -> Result<Self, RandomnessError> {
        // A scalar is out of range once in 2^32 tries.
        Self::parse(kem, random_secret()?).ok_or(RandomnessError)
    }

    /// Returns its public key.
    pub fn public_key(&self) -> KemPublicKey {
        KemPublicKey(match self.kem {
            Kem::P256 => Public::P256(Box::new(DhP256HkdfSha256::sk_to_pk(&self.key::<DhP256HkdfSha256>()))),
            Kem::XWing => Public::XWing(Box::new(XWing::sk_to_pk(&self.key::<XWing>()))),
        })
    }

    /// Decrypts a share of [`KemPublicKey::seal`]; returns `None` if it is for another key, `info`
    /// or associated data, or was modified.
    pub fn open(&self, info: &[u8], associated_data: &[u8], sealed: &[u8]) -> Option<Secret<SHARE_LENGTH>> {
        if sealed.len() != self.kem.sealed_length() {
            return None;
        }
        let (encapsulated, ciphertext) = sealed.split_at(self.kem.encapsulated_length());
        match self.kem {
            Kem::P256 => open::<DhP256HkdfSha256>(
                &self.key::<DhP256HkdfSha256>(),
                encapsulated,
                info,
                associated_data,
                ciphertext,
            ),
            Kem::XWing if has_zero_share(encapsulated) => None,
            Kem::XWing => {
                open::<XWing>(&self.key::<XWing>(), encapsulated, info, associated_data, ciphertext)
            }
        }
    }

    fn key<K: HpkeKem>(&self) -> K::PrivateKey {
        K::PrivateKey::from_bytes(&*self.secret.expose()).expect("the bytes were checked in parse")
    }
}

fn seal<K: HpkeKem>(
    public: &K::PublicKey,
    info: &[u8],
    associated_data: &[u8],
    share: &Secret<SHARE_LENGTH>,
) -> Result<Vec<u8>, ShareError> {
    let (encapsulated, mut sender) =
        hpke::setup_sender::<AesGcm256, HkdfSha256, K>(&OpModeS::Base, public, info)
            .map_err(|_| ShareError)?;
    let ciphertext = sender.seal(share.expose(), associated_data).map_err(|_| ShareError)?;
    Ok([&encapsulated.to_bytes()[..], &ciphertext].concat())
}

fn open<K: HpkeKem>(
    private: &K::PrivateKey,
    encapsulated: &[u8],
    info: &[u8],
    associated_data: &[u8],
    ciphertext: &[u8],
) -> Option<Secret<SHARE_LENGTH>> {
    let encapsulated = K::EncappedKey::from_bytes(encapsulated).ok()?;
    let mut receiver =
        hpke::setup_receiver::<AesGcm256, HkdfSha256, K>(&OpModeR::Base, private, &encapsulated, info)
            .ok()?;
    let mut opened = receiver.open(ciphertext, associated_data).ok()?;
    let share = <&[u8; SHARE_LENGTH]>::try_from(&opened[..]).ok();
    let share =
        share.map(|share| Secret::from_fn(|bytes: &mut [u8; SHARE_LENGTH]| bytes.copy_from_slice(share)));
    opened.zeroize();
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> Secret<32> {
        Secret::from_fn(|bytes| bytes.fill(7))
    }

    #[test]
    fn a_share_opens_with_its_key_info_and_associated_data_only() {
        for kem in Kem::ALL {
            let (key, other) = (KemPrivateKey::generate(kem).unwrap(), KemPrivateKey::generate(kem).unwrap());
            let sealed = key.public_key().seal(b"info", b"data", &share()).unwrap();
            assert_eq!(sealed.len(), kem.sealed_length());
            assert_eq!(key.open(b"info", b"data", &sealed).unwrap().expose(), &[7; 32]);
            assert!(other.open(b"info", b"data", &sealed).is_none());
            assert!(key.open(b"info2", b"data", &sealed).is_none());
            assert!(key.open(b"info", b"", &sealed).is_none());
            assert!(key.open(b"info", b"data", &sealed[1..]).is_none());
        }
    }

    #[test]
    fn every_flipped_byte_of_a_share_is_rejected() {
        let key = KemPrivateKey::generate(Kem::P256).unwrap();
        let mut sealed = key.public_key().seal(b"info", b"data", &share()).unwrap();
        for at in 0..sealed.len() {
            sealed[at] ^= 1;
            assert!(key.open(b"info", b"data", &sealed).is_none(), "byte {at}");
            sealed[at] ^= 1;
        }
    }

    #[test]
    fn public_keys_parse_to_themselves_and_weak_or_foreign_ones_are_rejected() {
        for kem in Kem::ALL {
            let key = KemPrivateKey::generate(kem).unwrap().public_key();
            assert_eq!(KemPublicKey::parse(kem, &key.to_bytes()), Some(key.clone()));
            assert_eq!(KemPublicKey::parse(kem, &key.to_bytes()[1..]), None);
            let mut weak = key.to_bytes();
            let length = weak.len();
            weak[length - 32..].fill(0);
            assert_eq!(KemPublicKey::parse(kem, &weak), None, "a point of small order, or off the curve");
        }
    }

    #[test]
    fn bytes_that_are_no_scalar_are_rejected() {
        assert!(KemPrivateKey::parse(Kem::P256, Secret::zeroed()).is_none());
        assert!(KemPrivateKey::parse(Kem::P256, Secret::from_fn(|bytes| bytes.fill(0xff))).is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        let key = KemPrivateKey::parse(Kem::XWing, Secret::from_fn(|bytes| bytes.fill(0xab))).unwrap();
        insta::assert_snapshot!(format!("{key:?}"), @"KemPrivateKey { kem: XWing, secret: Parked(..) }");
    }
}
