//! The calls of an enrolment (`docs/license-protocol.md` §6.1 to §6.3).

use minicbor::bytes::ByteVec;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use ovseal_format::cbor;

use super::Admission;
use crate::ids::Hash;
use crate::message::{MESSAGE_LIMIT, is_sign1};
use crate::sign1::{Domain, VerifyingKey};
use crate::time::Time;
use crate::values::{self, Malformed, Nullable, Rules, Version};

const TOKEN_LIMIT: usize = 1024;
const STRUCTURE_LIMIT: usize = 1024;

/// The first message of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolStart {
    /// The encoded enrol request.
    pub request: Vec<u8>,
    /// The activation key's or voucher's signature.
    pub admission: Admission,
}

/// The answer to the first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolChallenge {
    /// The service's token: 1 to 1024 bytes.
    pub token: Vec<u8>,
    /// The credential, at level 1.
    pub credential: Option<Credential>,
    /// The service's time, which is not signed.
    pub server_time: Time,
}

/// A credential that only one TPM activates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The position of the chosen endorsement key in the enrol request.
    pub endorsement: u8,
    /// `TPMS_ID_OBJECT`.
    pub id_object: Vec<u8>,
    /// `TPM2B_ENCRYPTED_SECRET`.
    pub secret: Vec<u8>,
}

/// The second message of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolFinish {
    /// The encoded enrol request, as before.
    pub request: Vec<u8>,
    /// The admission, as before.
    pub admission: Admission,
    /// The service's token.
    pub token: Vec<u8>,
    /// The proof over the transcript.
    pub proof: EnrolProof,
}

/// The proof that a device has the keys of its enrol request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolProof {
    /// Level 0: a COSE_Sign1 by the signing key.
    Software(Vec<u8>),
    /// Level 1: what the TPM certified, in structures that the caller verifies.
    Tpm(Box<TpmProof>),
}

/// The proof of a TPM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmProof {
    /// `TPMS_ATTEST` of `TPM2_Certify` for the storage key.
    pub storage: Vec<u8>,
    /// The attestation key's signature of it, r ‖ s.
    pub storage_signature: [u8; 64],
    /// `TPMS_ATTEST` of `TPM2_NV_Certify` for the counter.
    pub counter: Vec<u8>,
    /// The attestation key's signature of it, r ‖ s.
    pub counter_signature: [u8; 64],
    /// The HMAC under the activated credential; `None` in a request file.
    pub credential: Option<Hash>,
}

impl EnrolStart {
    /// Parses a message, but not the request in it.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireStart = values::parse(bytes)?;
        Ok(Self { request: wire.request.into(), admission: wire.admission })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&WireStart { request: self.request.clone().into(), admission: self.admission.clone() })
    }
}

impl EnrolChallenge {
    /// Parses an answer.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireChallenge = values::parse(bytes)?;
        let credential = wire.credential.0;
        Ok(Self { token: wire.token.into(), credential, server_time: wire.server_time })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&WireChallenge {
            version: Version,
            token: self.token.clone().into(),
            credential: Nullable(self.credential.clone()),
            server_time: self.server_time,
        })
    }
}

impl EnrolFinish {
    /// Parses a message, but not the request in it.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireFinish = values::parse(bytes)?;
        let WireFinish { request, admission, token, proof } = wire;
        Ok(Self { request: request.into(), admission, token: token.into(), proof })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&WireFinish {
            request: self.request.clone().into(),
            admission: self.admission.clone(),
            token: self.token.clone().into(),
            proof: self.proof.clone(),
        })
    }
}

impl EnrolProof {
    /// Returns true if this is a proof of level 0 over the transcript by this key.
    pub fn is_by(&self, key: &VerifyingKey, transcript: Hash) -> bool {
        match self {
            Self::Software(sign1) => key.verifies_detached(Domain::EnrolProof, transcript.as_bytes(), sign1),
            Self::Tpm(_) => false,
        }
    }

    /// Returns true if it shows that a credential was activated.
    pub(crate) fn has_credential(&self) -> bool {
        matches!(self, Self::Tpm(proof) if proof.credential.is_some())
    }

    pub(crate) fn hold(&self) -> bool {
        let structure = |bytes: &[u8]| (1..=STRUCTURE_LIMIT).contains(&bytes.len());
        match self {
            Self::Software(sign1) => is_sign1(sign1),
            Self::Tpm(proof) => structure(&proof.storage) && structure(&proof.counter),
        }
    }
}

impl Credential {
    pub(crate) fn hold(&self) -> bool {
        let structure = |bytes: &[u8]| (1..=STRUCTURE_LIMIT).contains(&bytes.len());
        self.endorsement <= 2 && structure(&self.id_object) && structure(&self.secret)
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireStart {
    #[n(0)]
    request: ByteVec,
    #[n(1)]
    admission: Admission,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct WireChallenge {
    #[n(0)]
    version: Version,
    #[n(1)]
    token: ByteVec,
    #[n(2)]
    credential: Nullable<Credential>,
    #[n(3)]
    server_time: Time,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireFinish {
    #[n(0)]
    request: ByteVec,
    #[n(1)]
    admission: Admission,
    #[n(2)]
    token: ByteVec,
    #[n(3)]
    proof: EnrolProof,
}

impl Rules for WireStart {
    const LIMIT: usize = MESSAGE_LIMIT;

    fn hold(&self) -> bool {
        !self.request.is_empty() && self.admission.hold()
    }
}

impl Rules for WireChallenge {
    const LIMIT: usize = 4096;

    fn hold(&self) -> bool {
        is_token(&self.token) && self.credential.0.as_ref().is_none_or(Credential::hold)
    }
}

impl Rules for WireFinish {
    const LIMIT: usize = MESSAGE_LIMIT;

    fn hold(&self) -> bool {
        let complete = self.proof.has_credential() || matches!(self.proof, EnrolProof::Software(_));
        !self.request.is_empty()
            && self.admission.hold()
            && is_token(&self.token)
            && self.proof.hold()
            && complete
    }
}

fn is_token(token: &[u8]) -> bool {
    (1..=TOKEN_LIMIT).contains(&token.len())
}

impl<C> Encode<C> for Credential {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encoder.array(3)?.u8(self.endorsement)?.bytes(&self.id_object)?.bytes(&self.secret)?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Credential {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        match decoder.array()? {
            Some(3) => Ok(Self {
                endorsement: decoder.u8()?,
                id_object: decoder.bytes()?.to_vec(),
                secret: decoder.bytes()?.to_vec(),
            }),
            _ => Err(decode::Error::message("a credential has three fields")),
        }
    }
}

impl<C> Encode<C> for EnrolProof {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Software(sign1) => encoder.array(2)?.u8(0)?.bytes(sign1).map(drop),
            Self::Tpm(proof) => {
                encoder.array(6)?.u8(1)?.bytes(&proof.storage)?.bytes(&proof.storage_signature)?;
                encoder.bytes(&proof.counter)?.bytes(&proof.counter_signature)?;
                Nullable(proof.credential).encode(encoder, context)
            }
        }
    }
}

impl<'b, C> Decode<'b, C> for EnrolProof {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        let length = decoder.array()?;
        match (length, decoder.u64()?) {
            (Some(2), 0) => Ok(Self::Software(decoder.bytes()?.to_vec())),
            (Some(6), 1) => Ok(Self::Tpm(Box::new(TpmProof {
                storage: decoder.bytes()?.to_vec(),
                storage_signature: signature(decoder)?,
                counter: decoder.bytes()?.to_vec(),
                counter_signature: signature(decoder)?,
                credential: Nullable::decode(decoder, context)?.0,
            }))),
            _ => Err(decode::Error::message("the proof is of an unknown kind")),
        }
    }
}

fn signature(decoder: &mut Decoder<'_>) -> Result<[u8; 64], decode::Error> {
    decoder.bytes()?.try_into().map_err(|_| decode::Error::message("a signature has 64 bytes"))
}
