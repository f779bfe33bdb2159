//! Request files and lease files, for devices without a network (`docs/license-protocol.md` §11).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ovseal_format::cbor;

use crate::enrolment::{Credential, EnrolProof};
use crate::values::{self, Malformed, Nullable, Rules};

const REQUEST_MAGIC: &[u8; 8] = b"\x89OVREQ1\n";
const LEASE_MAGIC: &[u8; 8] = b"\x89OVLEAS\n";

/// The content of `NAME.ovreq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFile {
    /// The encoded message, with a challenge of 32 bytes.
    pub message: Vec<u8>,
    /// The enrol request and its proof, if the device is not enrolled.
    pub enrolment: Option<(Vec<u8>, EnrolProof)>,
}

/// The content of `NAME.ovlease`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseFile {
    /// The encoded answer, encrypted if there is a credential.
    pub answer: Vec<u8>,
    /// The credential with the key of the answer.
    pub credential: Option<Credential>,
}

impl RequestFile {
    /// Parses the bytes of a file.
    ///
    /// # Errors
    /// [`Malformed`] if they are not a request file, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireRequest = values::parse(bytes.strip_prefix(REQUEST_MAGIC).ok_or(Malformed)?)?;
        let enrolment = wire.enrolment.0.map(|enrolment| (enrolment.request.into(), enrolment.proof));
        Ok(Self { message: wire.message.into(), enrolment })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let enrolment = |(request, proof): &(Vec<u8>, EnrolProof)| WireEnrolment {
            request: request.clone().into(),
            proof: proof.clone(),
        };
        let wire = WireRequest {
            message: self.message.clone().into(),
            enrolment: Nullable(self.enrolment.as_ref().map(enrolment)),
        };
        [&REQUEST_MAGIC[..], &cbor::encode(&wire)].concat()
    }
}

impl LeaseFile {
    /// Parses the bytes of a file.
    ///
    /// # Errors
    /// [`Malformed`] if they are not a lease file, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireLease = values::parse(bytes.strip_prefix(LEASE_MAGIC).ok_or(Malformed)?)?;
        Ok(Self { answer: wire.answer.into(), credential: wire.credential.0 })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let credential = Nullable(self.credential.clone());
        let wire = WireLease { answer: self.answer.clone().into(), credential };
        [&LEASE_MAGIC[..], &cbor::encode(&wire)].concat()
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireRequest {
    #[n(0)]
    message: ByteVec,
    #[n(1)]
    enrolment: Nullable<WireEnrolment>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireEnrolment {
    #[n(0)]
    request: ByteVec,
    #[n(1)]
    proof: EnrolProof,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireLease {
    #[n(0)]
    answer: ByteVec,
    #[n(1)]
    credential: Nullable<Credential>,
}

impl Rules for WireRequest {
    const LIMIT: usize = 131_072 - REQUEST_MAGIC.len();

    fn hold(&self) -> bool {
        let enrolment = self.enrolment.0.as_ref();
        !self.message.is_empty()
            && enrolment.is_none_or(|enrolment| {
                !enrolment.request.is_empty() && enrolment.proof.hold() && !enrolment.proof.has_credential()
            })
    }
}

impl Rules for WireLease {
    const LIMIT: usize = (2 << 20) - LEASE_MAGIC.len();

    fn hold(&self) -> bool {
        !self.answer.is_empty() && self.credential.0.as_ref().is_none_or(Credential::hold)
    }
}
