//! A request with its proof, as it is sent (`docs/license-protocol.md` §7.2).

use minicbor::bytes::ByteVec;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use ovseal_format::cbor;

use crate::ids::RequestHash;
use crate::sign1::{Domain, VerifyingKey};
use crate::values::{self, Malformed, Nullable, Rules};

/// Greatest length of a message to the service, in bytes.
pub(crate) const MESSAGE_LIMIT: usize = 65_536;

const STRUCTURE_LIMIT: usize = 1024;
const SIGN1_LIMIT: usize = 128;

/// A request, the proof that the device made it, and an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The encoded request.
    pub request: Vec<u8>,
    /// The proof over its hash.
    pub proof: Proof,
    /// The activation key's signature of its hash, if it activates a licence.
    pub activation: Option<Vec<u8>>,
}

/// The proof that a device made a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Level 0: a COSE_Sign1 by the device's signing key.
    Software(Vec<u8>),
    /// Level 1: what the TPM certified. The caller verifies it, with the code for TPM structures.
    Tpm {
        /// `TPMS_ATTEST` of `TPM2_NV_Certify`.
        attestation: Vec<u8>,
        /// The attestation key's signature, r ‖ s.
        signature: [u8; 64],
    },
}

impl Message {
    /// Parses a message, but not the request in it.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireMessage = values::parse(bytes)?;
        let activation = wire.activation.0.map(Vec::from);
        Ok(Self { request: wire.request.into(), proof: wire.proof, activation })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&WireMessage {
            request: self.request.clone().into(),
            proof: self.proof.clone(),
            activation: Nullable(self.activation.clone().map(ByteVec::from)),
        })
    }

    /// Returns true if the activation is right for the request with this hash.
    pub fn activates(&self, hash: RequestHash, key: &VerifyingKey) -> bool {
        let verifies = |sign1: &Vec<u8>| key.verifies_detached(Domain::Activation, hash.as_bytes(), sign1);
        self.activation.as_ref().is_some_and(verifies)
    }
}

impl Proof {
    /// Returns true if this is a proof of level 0 for the request with this hash.
    pub fn is_by(&self, key: &VerifyingKey, hash: RequestHash) -> bool {
        match self {
            Self::Software(sign1) => key.verifies_detached(Domain::Proof, hash.as_bytes(), sign1),
            Self::Tpm { .. } => false,
        }
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireMessage {
    #[n(0)]
    request: ByteVec,
    #[n(1)]
    proof: Proof,
    #[n(2)]
    activation: Nullable<ByteVec>,
}

impl Rules for WireMessage {
    const LIMIT: usize = MESSAGE_LIMIT;

    fn hold(&self) -> bool {
        let activation = self.activation.0.as_ref().is_none_or(|sign1| is_sign1(sign1));
        let proof = match &self.proof {
            Proof::Software(sign1) => is_sign1(sign1),
            Proof::Tpm { attestation, .. } => (1..=STRUCTURE_LIMIT).contains(&attestation.len()),
        };
        proof && activation && !self.request.is_empty()
    }
}

/// Returns true for a length that a detached COSE_Sign1 can have.
pub(crate) fn is_sign1(bytes: &[u8]) -> bool {
    (1..=SIGN1_LIMIT).contains(&bytes.len())
}

impl<C> Encode<C> for Proof {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Software(sign1) => encoder.array(2)?.u8(0)?.bytes(sign1)?,
            Self::Tpm { attestation, signature } => {
                encoder.array(3)?.u8(1)?.bytes(attestation)?.bytes(signature)?
            }
        };
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Proof {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let length = decoder.array()?;
        match (length, decoder.u64()?) {
            (Some(2), 0) => Ok(Self::Software(decoder.bytes()?.to_vec())),
            (Some(3), 1) => {
                let attestation = decoder.bytes()?.to_vec();
                let signature = decoder.bytes()?.try_into();
                let signature = signature.map_err(|_| decode::Error::message("a signature has 64 bytes"))?;
                Ok(Self::Tpm { attestation, signature })
            }
            _ => Err(decode::Error::message("the proof is of an unknown kind")),
        }
    }
}
