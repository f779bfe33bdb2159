//! The `kms` stanza, whose secret the caller's key service wraps (`docs/format.md` §4.1).

use std::error::Error;
use std::sync::Arc;

use ovseal_memory::Secret;

use super::{Context, Identity, Recipient, UnwrapError, WrapError, symmetric};
use crate::crypto::data_key::DataKey;
use crate::prologue::ContainerId;
use crate::random::{random_array, random_secret};
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};
use crate::statement::ModelId;

const LENGTH: usize = 32;

/// Greatest length of a wrapped secret, in bytes.
pub const WRAPPED_LIMIT: usize = 8 << 10;

/// The error of a key service, which is reported unchanged.
pub type ServiceError = Box<dyn Error + Send + Sync>;

/// The container for which a key service wraps or unwraps. Use it to authorize and log the request.
///
/// On opening, both ids come from the container. The model id is authentic only if a publisher was
/// specified. A service that binds them as associated data rejects a secret moved to another
/// container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceContext {
    /// The container's random id, different for each sealing.
    pub container_id: ContainerId,
    /// The id of the model, the same for all its versions.
    pub model_id: ModelId,
}

impl ServiceContext {
    /// Returns the container id and the model id: 64 bytes that a service should bind as associated
    /// data.
    pub fn associated_data(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(self.container_id.as_bytes());
        bytes[32..].copy_from_slice(self.model_id.as_bytes());
        bytes
    }
}

impl From<&Context> for ServiceContext {
    fn from(context: &Context) -> Self {
        Self { container_id: context.container_id(), model_id: context.model_id() }
    }
}

/// The caller's key service, for example a key management system, a vault or a card.
///
/// The service receives a random secret, made for one stanza, and the ids of container and model.
/// It never receives the data key.
pub trait KeyService: Send + Sync {
    /// Wraps a secret for [`unwrap`](Self::unwrap) into 1 to [`WRAPPED_LIMIT`] bytes.
    ///
    /// The container stores the result in the clear. Bind [`ServiceContext::associated_data`] to
    /// it.
    ///
    /// # Errors
    /// Any failure of the service.
    fn wrap(&self, secret: &[u8; LENGTH], context: &ServiceContext) -> Result<Vec<u8>, ServiceError>;

    /// Unwraps a secret, or returns `None` if another service wrapped it.
    ///
    /// `wrapped` comes from the container, and can be any bytes.
    ///
    /// # Errors
    /// Any failure that kept the service from trying.
    fn unwrap(
        &self,
        wrapped: &[u8],
        context: &ServiceContext,
    ) -> Result<Option<Secret<LENGTH>>, ServiceError>;
}

/// A key held by a [`KeyService`], usable as recipient and identity.
#[derive(Clone)]
pub struct ServiceKey(Arc<dyn KeyService>);

/// The secret that a service wrapped is empty or too long.
#[derive(Debug, thiserror::Error)]
#[error("a wrapped secret has 1 to {WRAPPED_LIMIT} bytes, this one has {0}")]
struct WrappedLength(usize);

impl ServiceKey {
    /// Creates the key that `service` holds.
    pub fn new(service: Arc<dyn KeyService>) -> Self {
        Self(service)
    }
}

impl Recipient for ServiceKey {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let secret: Secret<LENGTH> = random_secret()?;
        let wrapped = self.0.wrap(secret.expose(), &context.into()).map_err(WrapError::Backend)?;
        if !(1..=WRAPPED_LIMIT).contains(&wrapped.len()) {
            return Err(WrapError::Backend(Box::new(WrappedLength(wrapped.len()))));
        }
        let salt: [u8; symmetric::SALT_LENGTH] = random_array()?;
        let parameters = [&salt[..], &wrapped].concat();
        Ok(symmetric::wrap(StanzaKind::KeyService.word(), parameters, secret.expose(), key, context)?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

impl Identity for ServiceKey {
    fn stanza_type(&self) -> &str {
        StanzaKind::KeyService.word()
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let wrapped = stanza.parameters().get(symmetric::SALT_LENGTH..).unwrap_or_default();
        if !(1..=WRAPPED_LIMIT).contains(&wrapped.len()) {
            return Ok(None);
        }
        let secret = self.0.unwrap(wrapped, &context.into()).map_err(UnwrapError::Backend)?;
        Ok(secret.and_then(|secret| symmetric::unwrap(stanza, secret.expose(), context)))
    }
}
