//! Seals to a storage key in a TPM, without using a TPM.
//!
//! The result is a blob for `TPM2_Import` (TPM 2.0 Library, part 1, 23.3).

use aws_lc_rs::agreement::{self, ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{self, SystemRandom};
use ovseal_memory::{Secret, SecretBytes};

use super::kdf::{encrypt_cfb, hmac_sha256, kdf_a, kdf_e};
use super::policy::PolicyDigest;
use super::public::{Point, StorageKey, sealed_object};
use super::wire::{Bytes32, Reader, name, sha256, sized};

/// A secret of 32 bytes, wrapped for one TPM. Together with the policy, it defines the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Duplicate {
    /// The unique field of the object's public area.
    pub(super) unique: Bytes32,
    /// The MAC and the encrypted sensitive area: the bytes of `TPM2B_PRIVATE`.
    pub(super) private: Vec<u8>,
    /// The sender's ephemeral public key.
    pub(super) ephemeral: Point,
}

impl Duplicate {
    /// Wraps `share` so that only the TPM with this key unwraps it, and only under `policy`.
    ///
    /// # Errors
    /// Fails if the operating system provides no random numbers, or the key is not on the curve.
    pub(super) fn wrap(
        key: &StorageKey,
        share: &Secret<32>,
        policy: Option<PolicyDigest>,
    ) -> Result<Self, DuplicateError> {
        let obfuscation = Secret::<32>::try_from_fn(|bytes| rand::fill(bytes))?;
        let unique = sha256(&[obfuscation.expose(), share.expose()]);
        let name = name(&sealed_object(policy, &unique));
        let (ephemeral, seed) = agree(key.point())?;
        let mut encrypted = SecretBytes::from_slice(sensitive_area(&obfuscation, share)?.expose())
            .map_err(|_| DuplicateError::Randomness)?;
        encrypt_cfb(&kdf_a(seed.expose(), "STORAGE", &name), encrypted.expose_mut());
        let mac_key = kdf_a::<32>(seed.expose(), "INTEGRITY", &[]);
        let mac = hmac_sha256(mac_key.expose(), &[encrypted.expose(), &name]);
        let private = [&sized(mac.expose())[..], encrypted.expose()].concat();
        Ok(Self { unique, private, ephemeral })
    }

    /// Returns the public area of the wrapped object.
    pub(super) fn public(&self, policy: Option<PolicyDigest>) -> Vec<u8> {
        sealed_object(policy, &self.unique)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.unique[..], &self.ephemeral.x, &self.ephemeral.y, &sized(&self.private)].concat()
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let unique = reader.array()?;
        let ephemeral = Point { x: reader.array()?, y: reader.array()? };
        let private = reader.sized().filter(|private| private.len() == PRIVATE_LENGTH)?.to_vec();
        Some(Self { unique, private, ephemeral })
    }
}

/// Errors of wrapping a secret for a TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DuplicateError {
    Randomness,
    /// The recipient's key is not a point on P-256.
    Point,
}

impl From<Unspecified> for DuplicateError {
    fn from(_: Unspecified) -> Self {
        Self::Randomness
    }
}

/// Generates an ephemeral key, and derives the seed shared with the TPM.
///
/// Some TPMs strip leading zeros of coordinates before they derive. The key is chosen so that this
/// makes no difference.
fn agree(peer: &Point) -> Result<(Point, Secret<32>), DuplicateError> {
    loop {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())?;
        let public =
            Point::from_sec1(private.compute_public_key()?.as_ref()).ok_or(DuplicateError::Randomness)?;
        let peer_key = UnparsedPublicKey::new(&ECDH_P256, peer.sec1());
        let share = agreement::agree_ephemeral(private, peer_key, DuplicateError::Point, |share| {
            let share: &[u8; 32] = share.try_into().map_err(|_| DuplicateError::Point)?;
            Ok(Secret::<32>::from_fn(|bytes| bytes.copy_from_slice(share)))
        })?;
        if [share.expose()[0], public.x[0], public.y[0]].iter().all(|&byte| byte != 0) {
            return Ok((public, kdf_e(&share, "DUPLICATE", &public.x, &peer.x)));
        }
    }
}

/// Encodes `TPM2B_SENSITIVE` of sealed data without an authorization value.
fn sensitive_area(obfuscation: &Secret<32>, share: &Secret<32>) -> Result<SecretBytes, DuplicateError> {
    let mut area = SecretBytes::with_capacity(SENSITIVE_LENGTH).map_err(|_| DuplicateError::Randomness)?;
    let length = (SENSITIVE_LENGTH - 2) as u16;
    let pieces = [
        &length.to_be_bytes()[..],
        &KEYED_HASH.to_be_bytes(),
        &sized(&[]),
        &32u16.to_be_bytes(),
        obfuscation.expose(),
        &32u16.to_be_bytes(),
        share.expose(),
    ];
    pieces.iter().try_for_each(|piece| area.extend(piece)).map_err(|_| DuplicateError::Randomness)?;
    Ok(area)
}

const KEYED_HASH: u16 = 0x0008;
const SENSITIVE_LENGTH: usize = 2 + 2 + 2 + 34 + 34;
/// The MAC with its length, and the encrypted sensitive area.
const PRIVATE_LENGTH: usize = 34 + SENSITIVE_LENGTH;
