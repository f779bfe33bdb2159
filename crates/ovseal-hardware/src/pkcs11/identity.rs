//! A token's key as an identity.

use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use ovseal::{Context, DataKey, Identity, Stanza, UnwrapError};
use ovseal_memory::Secret;
use zeroize::Zeroize;

use super::key::{self, PrivateKey};
use super::key_schedule::{self, CIPHERTEXT_LENGTH};
use super::point::P256_LENGTH;
use super::recipient::{TAG_LENGTH, info, tag};
use super::{KeyUse, STANZA_TYPE, Token, TokenError, TokenRecipient, Uri};

/// A P-256 key of a token, which unwraps the data keys wrapped for its [`TokenRecipient`].
///
/// The token computes the shared point (`CKM_ECDH1_DERIVE` without a derivation function). The
/// private key never leaves it.
#[derive(Clone, Debug)]
pub struct TokenIdentity {
    token: Token,
    key: PrivateKey<P256_LENGTH>,
}

impl TokenIdentity {
    /// Finds the key that fits `uri` on `token`, which must be unlocked.
    ///
    /// # Errors
    /// [`TokenError`] if no key or more than one fits.
    pub fn find(token: &Token, uri: &Uri) -> Result<Self, TokenError> {
        let key = key::find_private(token, uri, KeyUse::Opening)?;
        let identity = Self { token: token.clone(), key };
        let is_p256 = TokenRecipient::from_point(&key.public).is_some();
        let other = || TokenError::KeyKind { uri: uri.to_string(), wanted: KeyUse::Opening };
        is_p256.then_some(identity).ok_or_else(other)
    }

    /// Returns the x-coordinate shared by the private key and `encapsulated`.
    fn exchange(&self, encapsulated: [u8; P256_LENGTH]) -> Result<Secret<32>, TokenError> {
        let key = self.key.handle;
        self.token
            .ask(move |session| derive(session, key, &encapsulated).map_err(TokenError::of("use its key")))
    }
}

impl Identity for TokenIdentity {
    fn stanza_type(&self) -> &str {
        STANZA_TYPE
    }

    /// Unwraps a stanza. The token is used only if it has this key's tag and a point on the curve.
    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let Some((encapsulated, ciphertext)) = fields(stanza, &self.key.public) else { return Ok(None) };
        let exchanged = self.exchange(encapsulated).map_err(|error| UnwrapError::Backend(Box::new(error)))?;
        Ok(key_schedule::open(&exchanged, &encapsulated, &self.key.public, &info(context), ciphertext))
    }
}

type Fields<'s> = ([u8; P256_LENGTH], &'s [u8; CIPHERTEXT_LENGTH]);

/// Returns the encapsulated key and the ciphertext of a stanza for the key `public`.
fn fields<'s>(stanza: &'s Stanza, public: &[u8; P256_LENGTH]) -> Option<Fields<'s>> {
    let (encapsulated, theirs) = stanza.parameters().split_first_chunk::<P256_LENGTH>()?;
    let theirs: &[u8; TAG_LENGTH] = theirs.try_into().ok()?;
    let is_point = TokenRecipient::from_point(encapsulated).is_some();
    let is_ours = is_point && *theirs == tag(encapsulated, public);
    is_ours.then_some((*encapsulated, stanza.body().try_into().ok()?))
}

fn derive(session: &Session, key: ObjectHandle, point: &[u8; P256_LENGTH]) -> Result<Secret<32>, Error> {
    let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), point));
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::ValueLen(32.into()),
        Attribute::Token(false),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    let derived = session.derive_key(&mechanism, key, &template)?;
    let secret = session.get_attributes(derived, &[AttributeType::Value]).and_then(into_secret);
    session.destroy_object(derived)?;
    secret
}

/// Moves the value of a derived key into secret memory.
fn into_secret(mut attributes: Vec<Attribute>) -> Result<Secret<32>, Error> {
    let [Attribute::Value(bytes)] = &mut attributes[..] else { return Err(Error::InvalidValue) };
    let secret = Secret::try_from_fn(|secret: &mut [u8; 32]| {
        secret.copy_from_slice(bytes.get(..32).filter(|_| bytes.len() == 32).ok_or(Error::InvalidValue)?);
        Ok(())
    });
    bytes.zeroize();
    secret
}
