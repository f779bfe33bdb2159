//! COSE_Sign1 (RFC 9052) with a fixed header for each kind of key (`docs/license-protocol.md`
//! §2.4).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey, UnparsedPublicKey,
};
use minicbor::bytes::ByteVec;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use ovseal_format::{WITHOUT_AUTHENTICATION, cbor};
use ovseal_memory::Secret;

use crate::values::{self, Malformed, Nullable, Rules};

/// The purpose of a signature, its `external_aad`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A device's proof of a request.
    Proof,
    /// A device's proof of its enrolment.
    EnrolProof,
    /// An activation key or a voucher admits a device.
    Activation,
    /// The service's record of an enrolment.
    Enrolment,
    /// A lease.
    Lease,
    /// A receipt of a return.
    Receipt,
    /// A revocation list.
    Revocations,
    /// A checkpoint of the audit.
    Checkpoint,
}

/// A public key that verifies: Ed25519 (32 bytes), or P-256 (65 bytes, uncompressed).
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey(Public);

#[derive(Clone, PartialEq, Eq)]
enum Public {
    Ed25519([u8; 32]),
    P256([u8; 65]),
}

/// An Ed25519 key that signs: a lease key of the service, or a device's key in a file.
pub struct SigningKey(Ed25519KeyPair);

/// An object that the service signs.
pub trait SignedObject: for<'b> Decode<'b, ()> + Encode<()> {
    /// The purpose of its signature.
    const DOMAIN: Domain;
    /// The greatest length with its signature, in bytes.
    const LIMIT: usize;

    /// Returns true if its values agree with each other.
    fn is_consistent(&self) -> bool;
}

/// An object whose signature was verified, with the bytes that were signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    object: T,
    bytes: Vec<u8>,
}

/// The bytes are not an object with a valid signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedError {
    /// They are malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// No given key verifies the signature.
    #[error("the signature is not by a known key")]
    Signature,
}

impl Domain {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Proof => b"ovseal/v1/proof",
            Self::EnrolProof => b"ovseal/v1/enrol-proof",
            Self::Activation => b"ovseal/v1/activation",
            Self::Enrolment => b"ovseal/v1/enrolment",
            Self::Lease => b"ovseal/v1/lease",
            Self::Receipt => b"ovseal/v1/receipt",
            Self::Revocations => b"ovseal/v1/revocations",
            Self::Checkpoint => b"ovseal/v1/checkpoint",
        }
    }
}

impl VerifyingKey {
    /// Parses a key, whose length determines the algorithm.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if let Ok(key) = bytes.try_into() {
            return Some(Self(Public::Ed25519(key)));
        }
        let key = bytes.try_into().ok().filter(|key: &[u8; 65]| key[0] == 4)?;
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).ok()?;
        Some(Self(Public::P256(key)))
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Public::Ed25519(key) => key,
            Public::P256(key) => key,
        }
    }

    /// Returns true if `sign1` is this key's detached signature of `payload`.
    pub fn verifies_detached(&self, domain: Domain, payload: &[u8], sign1: &[u8]) -> bool {
        let parsed: Option<Sign1> = cbor::decode(sign1);
        parsed.is_some_and(|sign1| sign1.payload.0.is_none() && self.verifies(domain, payload, &sign1))
    }

    fn verifies(&self, domain: Domain, payload: &[u8], sign1: &Sign1) -> bool {
        let message = signed_bytes(self.protected(), domain, payload);
        let signature = &sign1.signature[..];
        let right = match &self.0 {
            Public::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(&message, signature),
            Public::P256(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(&message, signature)
            }
        };
        sign1.protected[..] == *self.protected() && right.is_ok()
    }

    const fn protected(&self) -> &'static [u8] {
        match self.0 {
            Public::Ed25519(_) => ED25519_HEADER,
            Public::P256(_) => P256_HEADER,
        }
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifyingKey({:x})", base16ct::HexDisplay(self.as_bytes()))
    }
}

impl SigningKey {
    /// Creates the key with this seed (RFC 8032).
    ///
    /// # Panics
    /// Never: every 32 bytes are a seed.
    pub fn from_seed(seed: &Secret<32>) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("every 32 bytes are a seed"))
    }

    /// Returns its public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(Public::Ed25519(self.public_bytes()))
    }

    pub(crate) fn public_bytes(&self) -> [u8; 32] {
        *self.0.public_key().as_ref().first_chunk().expect("an Ed25519 key has 32 bytes")
    }

    /// Signs `payload`, which the result does not contain.
    pub fn sign_detached(&self, domain: Domain, payload: &[u8]) -> Vec<u8> {
        self.encode(domain, payload, None)
    }

    /// Signs an object; returns it with its signature.
    pub fn sign<T: SignedObject>(&self, object: &T) -> Vec<u8> {
        let payload = cbor::encode(object);
        self.encode(T::DOMAIN, &payload, Some(payload.clone()))
    }

    fn encode(&self, domain: Domain, payload: &[u8], attached: Option<Vec<u8>>) -> Vec<u8> {
        let signature = self.0.sign(&signed_bytes(ED25519_HEADER, domain, payload));
        cbor::encode(&Sign1 {
            protected: ED25519_HEADER.to_vec().into(),
            unprotected: EmptyMap,
            payload: Nullable(attached.map(ByteVec::from)),
            signature: signature.as_ref().to_vec().into(),
        })
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({:?})", self.verifying_key())
    }
}

impl<T: SignedObject> Signed<T> {
    /// Verifies the signature with one of `keys`, then parses the object.
    ///
    /// # Errors
    /// [`SignedError`] if the bytes are malformed, or no key verifies them.
    pub fn verify(bytes: &[u8], keys: &[VerifyingKey]) -> Result<Self, SignedError> {
        let sign1: Sign1 = values::parse::<Limited<T>>(bytes)?.0;
        let Nullable(Some(payload)) = &sign1.payload else { return Err(Malformed.into()) };
        let is_right = keys.iter().any(|key| key.verifies(T::DOMAIN, payload, &sign1));
        // Builds for fuzzing continue with any signature, to reach the parsers behind it.
        if !is_right && !WITHOUT_AUTHENTICATION {
            return Err(SignedError::Signature);
        }
        let object: T = cbor::decode(payload).filter(T::is_consistent).ok_or(Malformed)?;
        Ok(Self { object, bytes: bytes.to_vec() })
    }

    /// Returns the bytes that [`verify`](Self::verify) read.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the object without its signature.
    pub fn into_object(self) -> T {
        self.object
    }
}

impl<T> std::ops::Deref for Signed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Sign1 {
    #[n(0)]
    protected: ByteVec,
    #[n(1)]
    unprotected: EmptyMap,
    #[n(2)]
    payload: Nullable<ByteVec>,
    #[n(3)]
    signature: ByteVec,
}

/// A signed object before its payload is parsed, with the limit of the payload's type.
struct Limited<T>(Sign1, std::marker::PhantomData<T>);

impl<T: SignedObject> Rules for Limited<T> {
    const LIMIT: usize = T::LIMIT;

    fn hold(&self) -> bool {
        true
    }
}

impl<T> Encode<()> for Limited<T> {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut (),
    ) -> Result<(), encode::Error<W::Error>> {
        self.0.encode(encoder, context)
    }
}

impl<'b, T> Decode<'b, ()> for Limited<T> {
    fn decode(decoder: &mut Decoder<'b>, context: &mut ()) -> Result<Self, decode::Error> {
        Ok(Self(Sign1::decode(decoder, context)?, std::marker::PhantomData))
    }
}

/// The unprotected header, which is always empty.
struct EmptyMap;

impl<C> Encode<C> for EmptyMap {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encoder.map(0).map(drop)
    }
}

impl<'b, C> Decode<'b, C> for EmptyMap {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        match decoder.map()? {
            Some(0) => Ok(Self),
            _ => Err(decode::Error::message("the unprotected header is not empty")),
        }
    }
}

/// Returns the encoding of `Sig_structure` (RFC 9052 §4.4).
fn signed_bytes(protected: &[u8], domain: Domain, payload: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder
        .array(4)
        .and_then(|encoder| encoder.str("Signature1"))
        .and_then(|encoder| encoder.bytes(protected))
        .and_then(|encoder| encoder.bytes(domain.text()))
        .and_then(|encoder| encoder.bytes(payload))
        .expect("writing to a growing buffer cannot fail");
    encoder.into_writer()
}

/// `{1: -19}`: Ed25519 (RFC 9864).
const ED25519_HEADER: &[u8] = b"\xa1\x01\x32";
/// `{1: -9}`: ECDSA on P-256 with SHA-256 (RFC 9864).
const P256_HEADER: &[u8] = b"\xa1\x01\x28";
