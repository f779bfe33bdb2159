//! The `x-wing` and `x25519` stanzas: HPKE (RFC 9180) to keys in age's encodings.

use aws_lc_rs::{agreement, rand};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ovseal_memory::{Parked, Secret, SecretBytes};
use zeroize::{Zeroize, Zeroizing};

use super::Context;
use super::{Identity, KeyError, Recipient, UnwrapError, WrapError, age_encoding};
use crate::crypto::data_key::{DataKey, RandomnessError};
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};

type Point = [u8; 32];

/// A public key: `age1…` (X25519) or `age1pq1…` (X-Wing: ML-KEM-768 and X25519).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeyRecipient(RecipientKey);

#[derive(Clone, Debug, PartialEq, Eq)]
enum RecipientKey {
    XWing(Box<<XWing as Kem>::PublicKey>),
    X25519(<X25519HkdfSha256 as Kem>::PublicKey),
}

/// A private key: `AGE-SECRET-KEY-1…` (X25519) or `AGE-SECRET-KEY-PQ-1…` (X-Wing).
#[derive(Debug)]
pub struct PublicKeyIdentity {
    scheme: Scheme,
    secret: Parked<Secret<32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    XWing,
    X25519,
}

impl PublicKeyRecipient {
    /// Parses a recipient as age writes it.
    ///
    /// # Errors
    /// [`KeyError::Recipient`] for any other text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut buffer = [0; 1216];
        let (prefix, key) = age_encoding::decode(text, &mut buffer).ok_or(KeyError::Recipient)?;
        let key = match prefix.as_str() {
            age_encoding::X_WING_RECIPIENT => {
                Deserializable::from_bytes(key).map(Box::new).map(RecipientKey::XWing)
            }
            age_encoding::X25519_RECIPIENT => Deserializable::from_bytes(key).map(RecipientKey::X25519),
            _ => return Err(KeyError::Recipient),
        };
        key.map(Self).map_err(|_| KeyError::Recipient)
    }

    fn x25519_half(&self) -> Point {
        match &self.0 {
            RecipientKey::XWing(key) => last_point(&key.to_bytes()),
            RecipientKey::X25519(key) => last_point(&key.to_bytes()),
        }
    }
}

impl std::fmt::Display for PublicKeyRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&match &self.0 {
            RecipientKey::XWing(key) => {
                age_encoding::encode_recipient(age_encoding::X_WING_RECIPIENT, &key.to_bytes())
            }
            RecipientKey::X25519(key) => {
                age_encoding::encode_recipient(age_encoding::X25519_RECIPIENT, &key.to_bytes())
            }
        })
    }
}

impl Recipient for PublicKeyRecipient {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        if gives_zero_share(&self.x25519_half()) {
            return Err(WrapError::WeakPublicKey);
        }
        match &self.0 {
            RecipientKey::XWing(public) => wrap::<XWing>(StanzaKind::XWing.word(), public, key, context),
            RecipientKey::X25519(public) => {
                wrap::<X25519HkdfSha256>(StanzaKind::X25519.word(), public, key, context)
            }
        }
    }

    fn class(&self) -> RecipientClass {
        match self.0 {
            RecipientKey::XWing(_) => RecipientClass::PostQuantumPublicKey,
            RecipientKey::X25519(_) => RecipientClass::ClassicalPublicKey,
        }
    }
}

impl PublicKeyIdentity {
    /// A fresh post-quantum identity (X-Wing).
    ///
    /// # Errors
    /// Only if the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomnessError> {
        let secret = Secret::try_from_fn(|bytes| rand::fill(bytes)).map_err(|_| RandomnessError)?;
        Ok(Self { scheme: Scheme::XWing, secret: Parked::new(secret) })
    }

    /// Parses an identity as age writes it.
    ///
    /// # Errors
    /// [`KeyError::Identity`] for any other text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut prefix = String::new();
        let secret = Secret::try_from_fn(|bytes| {
            let mut buffer = Zeroizing::new([0; 32]);
            let (found, key) = age_encoding::decode(text, buffer.as_mut()).ok_or(KeyError::Identity)?;
            bytes.copy_from_slice(key.try_into().map(|key: &[u8; 32]| key).map_err(|_| KeyError::Identity)?);
            prefix = found;
            Ok(())
        })?;
        let scheme = match prefix.as_str() {
            age_encoding::X_WING_IDENTITY => Scheme::XWing,
            age_encoding::X25519_IDENTITY => Scheme::X25519,
            _ => return Err(KeyError::Identity),
        };
        Ok(Self { scheme, secret: Parked::new(secret) })
    }

    /// Parses the identities in a file as age writes it: one a line, with empty lines and comments that begin with `#`.
    ///
    /// # Errors
    /// [`KeyError::Identity`] when a line is none, or when there is none at all.
    pub fn parse_file(text: &[u8]) -> Result<Vec<Self>, KeyError> {
        let text = std::str::from_utf8(text).map_err(|_| KeyError::Identity)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Vec<Self> = lines.map(Self::parse).collect::<Result<_, _>>()?;
        if identities.is_empty() { Err(KeyError::Identity) } else { Ok(identities) }
    }

    /// The recipient that belongs to this identity.
    pub fn recipient(&self) -> PublicKeyRecipient {
        PublicKeyRecipient(match self.scheme {
            Scheme::XWing => RecipientKey::XWing(Box::new(XWing::sk_to_pk(&self.private_key::<XWing>()))),
            Scheme::X25519 => {
                RecipientKey::X25519(X25519HkdfSha256::sk_to_pk(&self.private_key::<X25519HkdfSha256>()))
            }
        })
    }

    /// The text of the identity, to be stored.
    pub fn encode(&self) -> SecretBytes {
        let prefix = match self.scheme {
            Scheme::XWing => age_encoding::X_WING_IDENTITY,
            Scheme::X25519 => age_encoding::X25519_IDENTITY,
        };
        age_encoding::encode_identity(prefix, &self.secret.expose())
    }

    fn private_key<K: Kem>(&self) -> K::PrivateKey {
        K::PrivateKey::from_bytes(&*self.secret.expose())
            .expect("both schemes take every private key of 32 bytes")
    }
}

impl Identity for PublicKeyIdentity {
    fn stanza_type(&self) -> &str {
        match self.scheme {
            Scheme::XWing => StanzaKind::XWing.word(),
            Scheme::X25519 => StanzaKind::X25519.word(),
        }
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        Ok(match self.scheme {
            Scheme::XWing => unwrap::<XWing>(&self.private_key::<XWing>(), stanza, context),
            Scheme::X25519 => {
                unwrap::<X25519HkdfSha256>(&self.private_key::<X25519HkdfSha256>(), stanza, context)
            }
        })
    }
}

fn wrap<K: Kem>(
    kind: &str,
    public: &K::PublicKey,
    key: &DataKey,
    context: &Context,
) -> Result<Stanza, WrapError> {
    let info = info(kind, context);
    let (encapsulated, mut sender) =
        hpke::setup_sender::<AesGcm256, HkdfSha256, K>(&OpModeS::Base, public, &info)
            .map_err(|_| WrapError::WeakPublicKey)?;
    Ok(Stanza::new(kind, encapsulated.to_bytes().to_vec(), |_| {
        sender.seal(&*key.expose(), &[]).expect("the first message of a sender can always be sealed")
    })?)
}

fn unwrap<K: Kem>(private: &K::PrivateKey, stanza: &Stanza, context: &Context) -> Option<DataKey> {
    let encapsulated = K::EncappedKey::from_bytes(stanza.parameters()).ok()?;
    if gives_zero_share(&last_point(stanza.parameters())) {
        return None;
    }
    let info = info(stanza.stanza_type().as_str(), context);
    let mut receiver =
        hpke::setup_receiver::<AesGcm256, HkdfSha256, K>(&OpModeR::Base, private, &encapsulated, &info)
            .ok()?;
    let mut opened = receiver.open(stanza.body(), &[]).ok()?;
    let key = (opened.len() == 32).then(|| DataKey::from_fn(|bytes| bytes.copy_from_slice(&opened)));
    opened.zeroize();
    key
}

fn info(kind: &str, context: &Context) -> Vec<u8> {
    [b"ovseal/v1/", kind.as_bytes(), &[0], context.as_bytes()].concat()
}

/// The last 32 bytes: in both schemes, keys and encapsulated keys end with a point of X25519.
fn last_point(bytes: &[u8]) -> Point {
    *bytes.last_chunk().expect("keys and encapsulated keys have at least 32 bytes")
}

/// Whether X25519 with this point gives an all-zero shared secret (RFC 7748 §6.1).
///
/// That does not depend on the private key: clamped scalars are multiples of the cofactor, so the points of small order
/// give zero with every one of them, and no other point does. `hpke` does not check this inside X-Wing.
fn gives_zero_share(point: &Point) -> bool {
    let peer = agreement::UnparsedPublicKey::new(&agreement::X25519, point);
    agreement::PrivateKey::generate(&agreement::X25519)
        .and_then(|private| agreement::agree(&private, peer, aws_lc_rs::error::Unspecified, |_| Ok(())))
        .is_err()
}

#[cfg(test)]
mod tests;
