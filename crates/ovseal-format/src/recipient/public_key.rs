//! The `x-wing` and `x25519` stanzas: HPKE (RFC 9180) to keys in age's encodings (§4.2).

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ovseal_memory::{Parked, Secret, SecretBytes};
use zeroize::{Zeroize, Zeroizing};

use super::{Context, Identity, Recipient, UnwrapError, WrapError, age_encoding};
use crate::crypto::data_key::DataKey;
use crate::key_error::KeyError;
use crate::random::{RandomnessError, random_secret};
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};
use crate::x25519_point::has_zero_share;

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
    /// [`KeyError::Recipient`] if `text` is not a recipient.
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

    fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            RecipientKey::XWing(key) => key.to_bytes().to_vec(),
            RecipientKey::X25519(key) => key.to_bytes().to_vec(),
        }
    }
}

impl std::fmt::Display for PublicKeyRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefix = match self.0 {
            RecipientKey::XWing(_) => age_encoding::X_WING_RECIPIENT,
            RecipientKey::X25519(_) => age_encoding::X25519_RECIPIENT,
        };
        f.write_str(&age_encoding::encode_recipient(prefix, &self.to_bytes()))
    }
}

impl Recipient for PublicKeyRecipient {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        if has_zero_share(&self.to_bytes()) {
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
    /// Creates a random post-quantum identity (X-Wing).
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system provides no random bytes.
    pub fn generate() -> Result<Self, RandomnessError> {
        Ok(Self { scheme: Scheme::XWing, secret: Parked::new(random_secret()?) })
    }

    /// Parses an identity as age writes it.
    ///
    /// # Errors
    /// [`KeyError::Identity`] if `text` is not an identity.
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

    /// Parses a file of identities, one per line, as age writes it.
    ///
    /// Empty lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// [`KeyError::Identity`] if another line is not an identity, or if there is no identity.
    pub fn parse_file(text: &[u8]) -> Result<Vec<Self>, KeyError> {
        let text = std::str::from_utf8(text).map_err(|_| KeyError::Identity)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Vec<Self> = lines.map(Self::parse).collect::<Result<_, _>>()?;
        if identities.is_empty() { Err(KeyError::Identity) } else { Ok(identities) }
    }

    /// Returns the recipient that belongs to this identity.
    pub fn recipient(&self) -> PublicKeyRecipient {
        PublicKeyRecipient(match self.scheme {
            Scheme::XWing => RecipientKey::XWing(Box::new(XWing::sk_to_pk(&self.private_key::<XWing>()))),
            Scheme::X25519 => {
                RecipientKey::X25519(X25519HkdfSha256::sk_to_pk(&self.private_key::<X25519HkdfSha256>()))
            }
        })
    }

    /// Encodes the identity as a string to store.
    pub fn encode(&self) -> SecretBytes {
        let prefix = match self.scheme {
            Scheme::XWing => age_encoding::X_WING_IDENTITY,
            Scheme::X25519 => age_encoding::X25519_IDENTITY,
        };
        age_encoding::encode_identity(prefix, &self.secret.expose())
    }

    fn private_key<K: Kem>(&self) -> K::PrivateKey {
        K::PrivateKey::from_bytes(&*self.secret.expose())
            .expect("both schemes accept any 32 bytes as a private key")
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
        sender.seal(&*key.expose(), &[]).expect("encrypting the first message of a sender cannot fail")
    })?)
}

fn unwrap<K: Kem>(private: &K::PrivateKey, stanza: &Stanza, context: &Context) -> Option<DataKey> {
    let encapsulated = K::EncappedKey::from_bytes(stanza.parameters()).ok()?;
    if has_zero_share(stanza.parameters()) {
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

#[cfg(test)]
mod tests;
