//! The two uses of keys, and the permissions that they require on a token.

use std::fmt;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType};

use super::point::{ED25519_PARAMETERS, P256_PARAMETERS};

/// The use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Opening containers: ECDH with P-256.
    Opening,
    /// Signing containers: Ed25519.
    Signing,
}

impl fmt::Display for KeyUse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Opening => "a P-256 key that may derive",
            Self::Signing => "an Ed25519 key that may sign",
        })
    }
}

impl KeyUse {
    pub(super) fn key_type(self) -> KeyType {
        match self {
            Self::Opening => KeyType::EC,
            Self::Signing => KeyType::EC_EDWARDS,
        }
    }

    pub(super) fn parameters(self) -> &'static [u8] {
        match self {
            Self::Opening => P256_PARAMETERS,
            Self::Signing => ED25519_PARAMETERS,
        }
    }

    pub(super) fn generation(self) -> Mechanism<'static> {
        match self {
            Self::Opening => Mechanism::EccKeyPairGen,
            Self::Signing => Mechanism::EccEdwardsKeyPairGen,
        }
    }

    /// Returns the permission that the private half must have.
    pub(super) fn permission(self) -> AttributeType {
        match self {
            Self::Opening => AttributeType::Derive,
            Self::Signing => AttributeType::Sign,
        }
    }

    /// Returns the permissions of a new key's public and private half: this use and nothing else.
    pub(super) fn permissions(self) -> ([Attribute; 4], [Attribute; 4]) {
        use Attribute::{Decrypt, Derive, Encrypt, Sign, Unwrap, Verify, Wrap};
        let opens = self == Self::Opening;
        (
            [Derive(opens), Verify(!opens), Encrypt(false), Wrap(false)],
            [Derive(opens), Sign(!opens), Decrypt(false), Unwrap(false)],
        )
    }
}
