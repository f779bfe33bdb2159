//! Wrapping under a symmetric secret, for the kinds of key that have one (`docs/format.md` §4.1).

use aws_lc_rs::constant_time;
use ovseal_memory::Secret;

use super::{Context, WrapError};
use crate::crypto::aead::{AeadProvider, NONCE_LENGTH};
use crate::crypto::data_key::DataKey;
use crate::crypto::kdf;
use crate::random::random_array;
use crate::stanza::{Stanza, StanzaError};
use crate::stanza_kind::StanzaKind;

/// Length of the salt with which the parameters of a symmetric stanza begin, in bytes.
pub const SALT_LENGTH: usize = 32;

const COMMITMENT: usize = 32;
const BODY: usize = COMMITMENT + 32 + 16;

/// Wraps `key` under `secret` into a stanza of type `stanza_type`.
///
/// `parameters` must begin with [`SALT_LENGTH`] new random bytes. The secret must be uniformly
/// random or the output of a key derivation function.
///
/// # Errors
/// [`StanzaError`] if `stanza_type` or the length of `parameters` is not allowed.
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

/// Unwraps a stanza from [`wrap`]. Returns `None` if it is damaged or has a different secret.
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
    // Builds for fuzzing continue with any key, to reach the parsers behind this check.
    if !opened && !crate::WITHOUT_AUTHENTICATION {
        return None;
    }
    Some(DataKey::from_fn(|bytes| bytes.copy_from_slice(data.expose())))
}

/// Wraps `key` as [`wrap`] does, with a random salt as the only parameter.
pub(super) fn wrap_salted(
    kind: StanzaKind,
    secret: &[u8],
    key: &DataKey,
    context: &Context,
) -> Result<Stanza, WrapError> {
    let salt: [u8; SALT_LENGTH] = random_array()?;
    Ok(wrap(kind.word(), salt.to_vec(), secret, key, context)?)
}

/// Unwraps a stanza from [`wrap_salted`]. Returns `None` in the same cases as [`unwrap`].
pub(super) fn unwrap_salted(stanza: &Stanza, secret: &[u8], context: &Context) -> Option<DataKey> {
    if stanza.parameters().len() == SALT_LENGTH { unwrap(stanza, secret, context) } else { None }
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
