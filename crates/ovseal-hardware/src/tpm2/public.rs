//! Public areas of TPM objects: storage keys, sealed objects, approvers' keys and MAC keys.

use super::policy::PolicyDigest;
use super::wire::{Bytes32, Reader, SHA256, name, sized};

/// The public area of a device's storage key, a key on P-256 that never leaves its TPM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StorageKey {
    bytes: Vec<u8>,
    point: Point,
    policy: Option<PolicyDigest>,
}

/// A point on P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: Bytes32,
    pub(super) y: Bytes32,
}

impl StorageKey {
    /// Returns the template of a new key. If there is a policy, only the policy allows its use.
    pub(super) fn template(policy: Option<PolicyDigest>, has_pin: bool) -> Vec<u8> {
        let attributes = attributes(policy.is_some(), has_pin);
        [&head(ECC, attributes, policy), &STORAGE_PARAMETERS[..], &sized(&[]), &sized(&[])].concat()
    }

    /// Parses `TPMT_PUBLIC` of such a key, and rejects that of any other.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let algorithms = [reader.u16()?, reader.u16()?];
        let found = reader.u32()?;
        let policy = match reader.sized()? {
            [] => None,
            digest => Some(PolicyDigest(digest.try_into().ok()?)),
        };
        let parameters = reader.take(STORAGE_PARAMETERS.len())?;
        let point = Point::take(&mut reader)?;
        reader.end()?;
        let good = [false, true].map(|has_pin| attributes(policy.is_some(), has_pin));
        let ours = algorithms == [ECC, SHA256] && parameters == STORAGE_PARAMETERS;
        (ours && good.contains(&found)).then(|| Self { bytes: bytes.to_vec(), point, policy })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn point(&self) -> &Point {
        &self.point
    }

    pub(super) fn policy(&self) -> Option<PolicyDigest> {
        self.policy
    }

    /// Returns the digest in the key's name. Stanzas identify their device by it.
    pub(super) fn id(&self) -> Bytes32 {
        *name(&self.bytes).last_chunk().expect("a name ends with a digest of 32 bytes")
    }
}

impl Point {
    /// Parses both coordinates, each of exactly 32 bytes.
    pub(super) fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let x = reader.sized()?.try_into().ok()?;
        let y = reader.sized()?.try_into().ok()?;
        Some(Self { x, y })
    }

    /// Encodes `TPMS_ECC_POINT`.
    pub(super) fn encode(&self) -> Vec<u8> {
        [sized(&self.x), sized(&self.y)].concat()
    }

    /// Encodes the uncompressed point (SEC 1).
    pub(super) fn sec1(&self) -> Vec<u8> {
        [&[4][..], &self.x, &self.y].concat()
    }

    /// Parses an uncompressed point (SEC 1).
    pub(super) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes.strip_prefix(&[4])?);
        let point = Self { x: reader.array()?, y: reader.array()? };
        reader.end().map(|()| point)
    }
}

/// Returns the template of the primary key that replaces a missing storage key.
pub(super) fn primary_template() -> Vec<u8> {
    StorageKey::template(None, false)
}

/// Encodes `TPMT_PUBLIC` of 32 sealed bytes.
///
/// Without a policy, anyone who can load the object can unseal it.
pub(super) fn sealed_object(policy: Option<PolicyDigest>, unique: &Bytes32) -> Vec<u8> {
    let usage = if policy.is_some() { ADMIN_WITH_POLICY } else { USER_WITH_AUTH };
    [&head(KEYED_HASH, NO_DA | usage, policy), &NULL.to_be_bytes()[..], &sized(unique)].concat()
}

/// Encodes `TPMT_PUBLIC` of a key on P-256 that verifies ECDSA signatures with SHA-256.
pub(super) fn verification_key(point: &Point) -> Vec<u8> {
    [&head(ECC, USER_WITH_AUTH | SIGN, None), &VERIFICATION_PARAMETERS[..], &point.encode()].concat()
}

/// Encodes `TPMT_SIGNATURE` of such a key.
pub(super) fn signature(fixed: &[u8; 64]) -> Vec<u8> {
    let (r, s) = fixed.split_at(32);
    [&ECDSA.to_be_bytes()[..], &SHA256.to_be_bytes(), &sized(r), &sized(s)].concat()
}

/// Encodes `TPMT_PUBLIC` of an HMAC-SHA-256 key that never leaves its TPM, up to the unique field.
fn mac_key_head() -> Vec<u8> {
    let attributes = FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | USER_WITH_AUTH | NO_DA | SIGN;
    [&head(KEYED_HASH, attributes, None), &HMAC.to_be_bytes()[..], &SHA256.to_be_bytes()].concat()
}

/// Returns the template of a new MAC key.
pub(super) fn mac_key_template() -> Vec<u8> {
    [mac_key_head(), sized(&[])].concat()
}

/// Returns whether `bytes` are the public area of a key created in its TPM from that template.
///
/// An attacker might know an imported key.
pub(super) fn is_mac_key(bytes: &[u8]) -> bool {
    let unique = bytes.strip_prefix(&mac_key_head()[..]).map(Reader);
    let unique = unique.and_then(|mut reader| reader.sized().filter(|_| reader.end().is_some()));
    unique.is_some_and(|unique| unique.len() == 32)
}

fn head(kind: u16, attributes: u32, policy: Option<PolicyDigest>) -> Vec<u8> {
    let policy = policy.map_or_else(|| sized(&[]), |policy| sized(&policy.0));
    [&kind.to_be_bytes()[..], &SHA256.to_be_bytes(), &attributes.to_be_bytes(), &policy].concat()
}

/// Returns the attributes of a storage key.
///
/// With a policy, the authorization value alone does not allow its use. The TPM's protection
/// against dictionary attacks limits guesses of a PIN. Keys without a PIN are exempt, because an
/// unclean power-off counts as a wrong try.
const fn attributes(has_policy: bool, has_pin: bool) -> u32 {
    let kept = FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | RESTRICTED | DECRYPT;
    let usage = if has_policy { 0 } else { USER_WITH_AUTH };
    let guessed = if has_pin && has_policy { 0 } else { NO_DA };
    kept | usage | guessed
}

const ECC: u16 = 0x0023;
const KEYED_HASH: u16 = 0x0008;
const NULL: u16 = 0x0010;
const ECDSA: u16 = 0x0018;
const HMAC: u16 = 0x0005;

const FIXED_TPM: u32 = 1 << 1;
const FIXED_PARENT: u32 = 1 << 4;
const SENSITIVE_DATA_ORIGIN: u32 = 1 << 5;
const USER_WITH_AUTH: u32 = 1 << 6;
const ADMIN_WITH_POLICY: u32 = 1 << 7;
const NO_DA: u32 = 1 << 10;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;

/// AES-128 in CFB mode, no scheme, P-256, no key derivation.
const STORAGE_PARAMETERS: [u8; 12] = [0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10];
/// No symmetric cipher, ECDSA with SHA-256, P-256, no key derivation.
const VERIFICATION_PARAMETERS: [u8; 10] = [0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10];

#[cfg(test)]
mod tests {
    use super::*;

    fn key(policy: Option<PolicyDigest>, has_pin: bool) -> Vec<u8> {
        let mut bytes = StorageKey::template(policy, has_pin);
        bytes.truncate(bytes.len() - 4);
        [bytes, Point { x: [1; 32], y: [2; 32] }.encode()].concat()
    }

    /// Flips an attribute of a public area.
    fn flipped(area: &[u8], bit: u32) -> Vec<u8> {
        let found = u32::from_be_bytes(area[4..8].try_into().unwrap());
        [&area[..4], &(found ^ bit).to_be_bytes(), &area[8..]].concat()
    }

    #[test]
    fn a_key_that_could_leave_the_tpm_is_rejected() {
        for policy in [None, Some(PolicyDigest([7; 32]))] {
            let good = key(policy, true);
            assert_eq!(StorageKey::parse(&good).unwrap().policy(), policy);
            for bit in
                [FIXED_TPM, FIXED_PARENT, SENSITIVE_DATA_ORIGIN, USER_WITH_AUTH, RESTRICTED, DECRYPT, SIGN]
            {
                assert_eq!(StorageKey::parse(&flipped(&good, bit)), None, "{bit:#x}");
            }
        }
    }

    #[test]
    fn a_mac_key_that_was_not_created_in_its_tpm_is_rejected() {
        let good = [mac_key_head(), sized(&[5; 32])].concat();
        assert!(is_mac_key(&good));
        for bit in [FIXED_TPM, FIXED_PARENT, SENSITIVE_DATA_ORIGIN, USER_WITH_AUTH, SIGN, DECRYPT] {
            assert!(!is_mac_key(&flipped(&good, bit)), "{bit:#x}");
        }
        for length in 0..good.len() {
            assert!(!is_mac_key(&good[..length]), "{length}");
        }
        assert!(!is_mac_key(&[&good[..], &[0]].concat()));
    }

    #[test]
    fn every_cut_and_every_appended_byte_is_rejected() {
        let good = key(Some(PolicyDigest([7; 32])), false);
        for length in 0..good.len() {
            assert_eq!(StorageKey::parse(&good[..length]), None, "{length}");
        }
        assert_eq!(StorageKey::parse(&[&good[..], &[0]].concat()), None);
    }
}
