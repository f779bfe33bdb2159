//! Cryptographic suites: one number identifies every algorithm of a container.

use std::fmt;

use aws_lc_rs::digest;

/// The algorithms that encrypt and digest a container's payload (`docs/format.md` §1.1).
///
/// Both suites use AES-256-GCM and HKDF-SHA-512. They differ in the digest `H`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suite {
    /// Suite 1: BLAKE3 digests, which are faster than SHA-256.
    #[default]
    Blake3,
    /// Suite 2: SHA-256 digests, so that the payload path uses only approved algorithms.
    Sha256,
}

impl Suite {
    /// Returns the number of the suite in the prologue.
    pub const fn number(self) -> u16 {
        match self {
            Self::Blake3 => 1,
            Self::Sha256 => 2,
        }
    }

    /// Returns the suite with this number, or `None` if this version does not support it.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Blake3),
            2 => Some(Self::Sha256),
            _ => None,
        }
    }

    /// Returns the digest `H` of the concatenation of `pieces`.
    pub fn digest(self, pieces: &[&[u8]]) -> Digest {
        let mut hasher = self.hasher();
        pieces.iter().for_each(|piece| hasher.update(piece));
        hasher.finish()
    }

    /// Starts a digest whose input arrives in pieces.
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Blake3 => Hasher::Blake3(Box::new(blake3::Hasher::new())),
            Self::Sha256 => Hasher::Sha256(digest::Context::new(&digest::SHA256)),
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blake3 => "1 (AES-256-GCM, HKDF-SHA-512, BLAKE3)",
            Self::Sha256 => "2 (AES-256-GCM, HKDF-SHA-512, SHA-256)",
        })
    }
}

/// A digest. It is public, so comparing it does not need constant time.
pub type Digest = [u8; DIGEST_LENGTH];

/// Length of a digest of either suite, in bytes.
pub const DIGEST_LENGTH: usize = 32;

/// A digest whose input arrives in pieces.
pub enum Hasher {
    /// BLAKE3.
    Blake3(Box<blake3::Hasher>),
    /// SHA-256.
    Sha256(digest::Context),
}

impl Hasher {
    /// Appends `bytes` to the input.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
            Self::Sha256(context) => context.update(bytes),
        }
    }

    /// Returns the digest of the input.
    pub fn finish(self) -> Digest {
        match self {
            Self::Blake3(hasher) => *hasher.finalize().as_bytes(),
            Self::Sha256(context) => digest_bytes(&context.finish()),
        }
    }
}

/// Returns the SHA-256 digest (FIPS 180-4) of the concatenation of `pieces`, in either suite.
pub fn sha256(pieces: &[&[u8]]) -> Digest {
    Suite::Sha256.digest(pieces)
}

/// Returns the SHA-512/256 digest of `bytes` (FIPS 180-4 §6.7).
pub fn sha512_256(bytes: &[u8]) -> Digest {
    digest_bytes(&digest::digest(&digest::SHA512_256, bytes))
}

fn digest_bytes(digest: &digest::Digest) -> Digest {
    *digest.as_ref().first_chunk().expect("both algorithms return 32 bytes")
}

#[cfg(test)]
mod tests {
    use base16ct::lower::encode_string as hex;

    use super::*;

    #[test]
    fn digests_of_the_empty_input_are_the_published_ones() {
        assert_eq!(
            hex(&Suite::Sha256.digest(&[])),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            hex(&Suite::Blake3.digest(&[])),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }

    #[test]
    fn sha512_256_of_abc_is_the_published_value() {
        let published = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23";
        assert_eq!(hex(&sha512_256(b"abc")), published);
    }

    #[test]
    fn unknown_suite_numbers_are_rejected() {
        assert_eq!([0, 3, 0xffff].map(Suite::from_number), [None; 3]);
    }
}
