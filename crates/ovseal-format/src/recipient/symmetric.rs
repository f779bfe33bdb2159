//! Wrapping under a symmetric secret (`docs/format.md` §4.1), for every kind of key that has one.

use aws_lc_rs::constant_time;
use ovseal_memory::Secret;

use super::Context;
use crate::crypto::aead::{AeadProvider, NONCE_LENGTH};
use crate::crypto::data_key::DataKey;
use crate::crypto::kdf;
use crate::stanza::{Stanza, StanzaError};

/// Bytes in the salt with which the parameters of a symmetric stanza begin.
pub const SALT_LENGTH: usize = 32;

const COMMITMENT: usize = 32;
const BODY: usize = COMMITMENT + 32 + 16;

/// Wraps `key` under `secret` into a stanza of type `stanza_type`.
///
/// `parameters` must begin with [`SALT_LENGTH`] fresh random bytes. The secret must be uniformly random or the output of
/// a key derivation.
///
/// # Errors
/// [`StanzaError`] when `stanza_type` or the length of `parameters` is not allowed.
///
/// # Panics
/// If `parameters` are shorter than a salt.
pub fn wrap(
    stanza_type: &str,
    parameters: Vec<u8>,
    secret: &[u8],
    key: &DataKey,
    context: &Context,
) -> Result<Stanza, StanzaError> {
    let keys = WrapKeys::derive(stanza_type, &parameters, secret, context);
    Stanza::new(stanza_type, parameters, |header| {
        let mut body = Vec::with_capacity(BODY);
        body.extend_from_slice(keys.commitment());
        let mut wrapped = Secret::<32>::from_fn(|bytes| bytes.copy_from_slice(&*key.expose()));
        let tag = AeadProvider::AwsLc.key(keys.key()).encrypt(keys.nonce(), header, wrapped.expose_mut());
        body.extend_from_slice(wrapped.expose());
        body.extend_from_slice(&tag);
        body
    })
}

/// Unwraps a stanza that [`wrap`] made, or gives nothing when the secret is another one or the stanza is damaged.
pub fn unwrap(stanza: &Stanza, secret: &[u8], context: &Context) -> Option<DataKey> {
    let (body, tag) = stanza.body().split_last_chunk()?;
    if stanza.parameters().len() < SALT_LENGTH || stanza.body().len() != BODY {
        return None;
    }
    let keys = WrapKeys::derive(stanza.stanza_type().as_str(), stanza.parameters(), secret, context);
    let (commitment, wrapped) = body.split_at(COMMITMENT);
    let committed = constant_time::verify_slices_are_equal(keys.commitment(), commitment).is_ok();
    let mut data = Secret::<32>::from_fn(|bytes| bytes.copy_from_slice(wrapped));
    let aead = AeadProvider::AwsLc.key(keys.key());
    let opened = committed && aead.decrypt(keys.nonce(), &stanza.header(), tag, data.expose_mut()).is_ok();
    // Builds for fuzzing go on with any key, so that the parsers behind it are reached.
    if !opened && !crate::WITHOUT_AUTHENTICATION {
        return None;
    }
    Some(DataKey::from_fn(|bytes| bytes.copy_from_slice(data.expose())))
}

/// Wrap key, nonce and wrap commitment.
struct WrapKeys(Secret<76>);

impl WrapKeys {
    fn derive(stanza_type: &str, parameters: &[u8], secret: &[u8], context: &Context) -> Self {
        let (salt, _) = parameters.split_at(SALT_LENGTH);
        let info = [b"ovseal/v1/stanza/", stanza_type.as_bytes(), &[0], context.as_bytes(), parameters];
        Self(Secret::from_fn(|bytes| kdf::extract_and_expand(salt, secret, &info, bytes)))
    }

    fn key(&self) -> &[u8; 32] {
        self.0.expose().first_chunk().expect("76 bytes begin with a key of 32")
    }

    fn nonce(&self) -> &[u8; NONCE_LENGTH] {
        self.0.expose()[32..].first_chunk().expect("44 bytes begin with a nonce of 12")
    }

    fn commitment(&self) -> &[u8] {
        &self.0.expose()[44..]
    }
}
