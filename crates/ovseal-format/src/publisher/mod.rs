//! Publishers' keys and their signatures (`docs/format.md` §6.3).

mod private;
mod public;
mod signatures;
mod signer;

pub use private::PublisherKey;
pub use public::Publisher;
pub use signatures::{SIGNATURES_LIMIT, Signatures, SignaturesError};
pub use signer::{Ed25519Signer, SignError};

/// A signature algorithm, by its number in the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032).
    Ed25519 = 1,
    /// ML-DSA-65 (FIPS 204), pure, with an empty context.
    MlDsa65 = 2,
}

impl Algorithm {
    const ALL: [Self; 2] = [Self::Ed25519, Self::MlDsa65];

    fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|&algorithm| algorithm as u64 == number)
    }

    /// Returns the length of a signature, in bytes.
    const fn signature_length(self) -> usize {
        match self {
            Self::Ed25519 => 64,
            Self::MlDsa65 => 3309,
        }
    }

    /// Returns the bytes before the key in a SubjectPublicKeyInfo, and the key's length in bytes.
    ///
    /// They are those of RFC 8410 and RFC 9881.
    const fn public_prefix(self) -> (&'static [u8], usize) {
        match self {
            Self::Ed25519 => (b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 32),
            Self::MlDsa65 => (
                b"\x30\x82\x07\xb2\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12\x03\x82\x07\xa1\x00",
                1952,
            ),
        }
    }

    /// Returns the bytes before the 32-byte seed in a PKCS#8 private key (RFC 8410, RFC 9881).
    const fn private_prefix(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20",
            Self::MlDsa65 => {
                b"\x30\x34\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12\x04\x22\x80\x20"
            }
        }
    }
}
