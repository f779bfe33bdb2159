//! The purposes of requests (`docs/license-protocol.md` §6.1, §7.2).

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};

use crate::ids::{RequestHash, sha256};
use crate::values::cbor_as;

/// The purpose of a request, part of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A lease, new or renewed.
    Lease,
    /// The return of a lease.
    Return,
    /// The enrolment of a device.
    Enrol,
}

impl Purpose {
    /// Returns the text in the request and its hash.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Lease => "lease-request",
            Self::Return => "return-request",
            Self::Enrol => "enrol-request",
        }
    }

    /// Returns `R`, the hash of an encoded request.
    pub fn hash(self, request: &[u8]) -> RequestHash {
        RequestHash::from_bytes(sha256(&[b"ovseal/v1/", self.text().as_bytes(), &[0], request]))
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Lease, Self::Return, Self::Enrol].into_iter().find(|purpose| purpose.text() == text)
    }
}

cbor_as!(Purpose, String, |purpose| purpose.text().to_owned(), |text| Purpose::parse(&text));
