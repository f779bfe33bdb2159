//! Approvals: signed measured states in which devices may use their keys (`TPM2_PolicyAuthorize`).

use std::fmt::Write;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use ovseal::RandomnessError;
use ovseal_memory::SecretBytes;
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use super::pcr::{PcrDemand, PcrList, PcrValues};
use super::policy::PolicyDigest;
use super::public::{Point, signature, verification_key};
use super::wire::{name, sha256};

/// The public key of an approver, on P-256, whose approvals a device accepts.
///
/// TPMs verify neither Ed25519 nor ML-DSA, so a publisher's key cannot serve as this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approver(Point);

/// The private key of an approver.
pub struct ApproverKey {
    pair: EcdsaKeyPair,
    pkcs8: SecretBytes,
}

/// The error for a string that is not the expected key or approval.
///
/// Messages do not show the string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// The string is not an approver's public key.
    #[error("an approver's public key is one PEM block with a key on P-256")]
    Public,
    /// The string is not an approver's private key.
    #[error("an approver's private key is one PEM block in PKCS #8 with a key on P-256")]
    Private,
    /// The string is not an approval.
    #[error("the approval is damaged")]
    Approval,
}

/// A measured state, signed by an approver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    values: PcrValues,
    signature: [u8; 64],
}

impl ApproverKey {
    /// Generates a key.
    ///
    /// # Errors
    /// Fails only if the operating system provides no random numbers.
    pub fn generate() -> Result<Self, RandomnessError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let document = document.map_err(|_| RandomnessError)?;
        Self::from_pkcs8(document.as_ref()).ok_or(RandomnessError)
    }

    /// Parses a PEM block `PRIVATE KEY`.
    ///
    /// # Errors
    /// [`ApprovalError::Private`] if `pem` is not an approver's private key.
    pub fn parse(pem: &str) -> Result<Self, ApprovalError> {
        let mut buffer = Zeroizing::new([0; DER_LIMIT]);
        let decoded = pem_rfc7468::decode(pem.as_bytes(), buffer.as_mut());
        let (label, der) = decoded.map_err(|_| ApprovalError::Private)?;
        let key = (label == PRIVATE).then(|| Self::from_pkcs8(der)).flatten();
        key.ok_or(ApprovalError::Private)
    }

    /// Returns the PEM block to store.
    pub fn encode(&self) -> SecretBytes {
        let mut buffer = Zeroizing::new([0; 2 * DER_LIMIT]);
        let block = pem_rfc7468::encode(PRIVATE, LineEnding::LF, self.pkcs8.expose(), buffer.as_mut())
            .expect("the block of a key on P-256 has fewer than 512 characters");
        SecretBytes::from_slice(block.as_bytes()).expect("512 bytes are far below the limit")
    }

    /// Returns the public key.
    pub fn approver(&self) -> Approver {
        let public = self.pair.public_key().as_ref();
        Approver(Point::from_sec1(public).expect("the library writes uncompressed points"))
    }

    /// Approves a state.
    ///
    /// # Errors
    /// Fails only if the operating system returns no random numbers.
    pub fn approve(&self, values: PcrValues) -> Result<Approval, RandomnessError> {
        let message = [&PolicyDigest::EMPTY.pcr(&values).0[..], &policy_ref(&values.list())].concat();
        let signed = self.pair.sign(&SystemRandom::new(), &message).map_err(|_| RandomnessError)?;
        let signature = signed.as_ref().try_into().map_err(|_| RandomnessError)?;
        Ok(Approval { values, signature })
    }

    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
        Some(Self { pair, pkcs8: SecretBytes::from_slice(der).ok()? })
    }
}

impl std::fmt::Debug for ApproverKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApproverKey(..)")
    }
}

impl Approver {
    /// Parses a PEM block `PUBLIC KEY`.
    ///
    /// # Errors
    /// [`ApprovalError::Public`] if `pem` is not an approver's public key.
    pub fn parse(pem: &str) -> Result<Self, ApprovalError> {
        let mut buffer = [0; DER_LIMIT];
        let decoded = pem_rfc7468::decode(pem.as_bytes(), &mut buffer).map_err(|_| ApprovalError::Public)?;
        let key = (decoded.0 == PUBLIC).then(|| decoded.1.strip_prefix(&SPKI_PREFIX)).flatten();
        key.and_then(Self::from_sec1).ok_or(ApprovalError::Public)
    }

    /// Returns the PEM block to publish.
    pub fn encode(&self) -> String {
        let der = [&SPKI_PREFIX[..], &self.sec1()].concat();
        pem_rfc7468::encode_string(PUBLIC, LineEnding::LF, &der)
            .expect("the block of a key on P-256 is short")
    }

    pub(super) fn sec1(&self) -> Vec<u8> {
        self.0.sec1()
    }

    pub(super) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        Point::from_sec1(bytes).map(Self)
    }

    /// Returns the public area that the TPM loads.
    pub(super) fn public(&self) -> Vec<u8> {
        verification_key(&self.0)
    }

    pub(super) fn name(&self) -> Vec<u8> {
        name(&self.public())
    }

    /// Returns the policy that this approver's approvals of these PCRs satisfy.
    pub(super) fn policy(&self, list: &PcrList) -> PolicyDigest {
        PolicyDigest::authorize(&self.name(), &policy_ref(list))
    }
}

impl Approval {
    /// Parses an approval. The TPM checks its signature later.
    ///
    /// # Errors
    /// [`ApprovalError::Approval`] if `text` is not an approval.
    pub fn parse(text: &str) -> Result<Self, ApprovalError> {
        let approval = parse(text).filter(|approval| approval.encode() == text);
        approval.ok_or(ApprovalError::Approval)
    }

    /// Returns the approval as a string: the PCRs and their values, one per line, then the
    /// signature.
    pub fn encode(&self) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        for (number, value) in self.values.iter() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "pcr {number}={}", base16ct::lower::encode_string(value));
        }
        let _ = writeln!(text, "signature {}", base16ct::lower::encode_string(&self.signature));
        text
    }

    /// Returns the approved state.
    pub fn values(&self) -> &PcrValues {
        &self.values
    }

    pub(super) fn policy(&self) -> PolicyDigest {
        PolicyDigest::EMPTY.pcr(&self.values)
    }

    /// Returns the signed digest.
    pub(super) fn digest(&self) -> [u8; 32] {
        sha256(&[&self.policy().0, &policy_ref(&self.values.list())])
    }

    pub(super) fn signature(&self) -> Vec<u8> {
        signature(&self.signature)
    }
}

fn parse(text: &str) -> Option<Approval> {
    let mut lines = text.lines();
    lines.next().filter(|&line| line == FIRST_LINE)?;
    let signature = lines.next_back()?.strip_prefix("signature ")?;
    let signature = base16ct::mixed::decode_vec(signature).ok()?.try_into().ok()?;
    let words = lines.map(|line| line.strip_prefix("pcr ")).collect::<Option<Vec<_>>>()?;
    let values = PcrDemand::parse(&words.join(",")).ok()?.complete(None)?;
    Some(Approval { values, signature })
}

/// Returns the purpose of an approval, which is signed with it.
///
/// The purpose distinguishes an approval from the key's other signatures, and from approvals of
/// other PCRs.
pub(super) fn policy_ref(list: &PcrList) -> Vec<u8> {
    [b"ovseal/v1/approval", &[0][..], &list.bitmap()].concat()
}

const FIRST_LINE: &str = "ovseal-tpm-approval 1";
const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
const DER_LIMIT: usize = 256;

/// Prefix of the uncompressed point in a SubjectPublicKeyInfo (RFC 5480) of P-256.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> PcrValues {
        PcrValues::from_iter([(0, [1; 32]), (7, [7; 32])])
    }

    #[test]
    fn keys_and_approvals_are_parsed_as_they_were_written() {
        let key = ApproverKey::generate().unwrap();
        let text = key.encode();
        let again = ApproverKey::parse(std::str::from_utf8(text.expose()).unwrap()).unwrap();
        assert_eq!(again.approver(), key.approver());
        assert_eq!(Approver::parse(&key.approver().encode()), Ok(key.approver()));
        let approval = key.approve(values()).unwrap();
        assert_eq!(Approval::parse(&approval.encode()), Ok(approval));
    }

    #[test]
    fn keys_are_not_taken_for_one_another() {
        let key = ApproverKey::generate().unwrap();
        let private = String::from_utf8(key.encode().expose().to_vec()).unwrap();
        assert_eq!(Approver::parse(&private), Err(ApprovalError::Public));
        assert_eq!(ApproverKey::parse(&key.approver().encode()).unwrap_err(), ApprovalError::Private);
    }

    #[test]
    fn every_cut_of_an_approval_is_rejected() {
        let text = ApproverKey::generate().unwrap().approve(values()).unwrap().encode();
        for length in 0..text.len() {
            assert_eq!(Approval::parse(&text[..length]), Err(ApprovalError::Approval), "{length}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", ApproverKey::generate().unwrap()), "ApproverKey(..)");
    }
}
