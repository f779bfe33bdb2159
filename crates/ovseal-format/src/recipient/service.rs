//! The `kms` stanza: a secret that a key service of the caller's wraps and unwraps.

use std::error::Error;
use std::sync::Arc;

use aws_lc_rs::rand;
use ovseal_memory::Secret;

use super::Context;
use super::{Identity, Recipient, UnwrapError, WrapError, symmetric};
use crate::crypto::data_key::{DataKey, RandomnessError, random_array};
use crate::prologue::ContainerId;
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};
use crate::statement::ModelId;

const LENGTH: usize = 32;

/// The most bytes that a service may make of a secret.
pub const WRAPPED_LIMIT: usize = 8 << 10;

/// Why a key service did not do what was asked of it. It is shown to the caller as it is.
pub type ServiceError = Box<dyn Error + Send + Sync>;

/// The container for which a key service wraps or unwraps, so that it can limit and log.
///
/// When a container is opened, both ids come from the container. The model id is authentic if a
/// publisher was named. A service that bound them as associated data refuses a wrapped secret that
/// was put into another container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceContext {
    /// The container's random name: another one for each sealing.
    pub container_id: ContainerId,
    /// The id of the model: the same for all versions of a model.
    pub model_id: ModelId,
}

impl ServiceContext {
    /// Returns the 64 bytes that a service should bind as associated data: container id, then model
    /// id.
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

/// A key service of the caller's: a key management system, a vault, a card that this crate does not know.
///
/// It sees a random secret of each container, never the data key, and nothing of the container but
/// its id and that of the model.
pub trait KeyService: Send + Sync {
    /// Wraps a secret, so that [`unwrap`](Self::unwrap) gives it again. The result is stored in clear, and has 1 to
    /// [`WRAPPED_LIMIT`] bytes. Bind [`ServiceContext::associated_data`] to it.
    ///
    /// # Errors
    /// Whatever keeps the service from it.
    fn wrap(&self, secret: &[u8; LENGTH], context: &ServiceContext) -> Result<Vec<u8>, ServiceError>;

    /// Unwraps what some service has wrapped; nothing when it was another one. The bytes come from the container, and may be
    /// anything.
    ///
    /// # Errors
    /// Whatever keeps the service from trying.
    fn unwrap(
        &self,
        wrapped: &[u8],
        context: &ServiceContext,
    ) -> Result<Option<Secret<LENGTH>>, ServiceError>;
}

/// A key that a [`KeyService`] holds, as recipient and identity.
#[derive(Clone)]
pub struct ServiceKey(Arc<dyn KeyService>);

/// What a service made of a secret is empty or too long.
#[derive(Debug, thiserror::Error)]
#[error("a wrapped secret has 1 to {WRAPPED_LIMIT} bytes, this one has {0}")]
struct WrappedLength(usize);

impl ServiceKey {
    /// The key that `service` holds.
    pub fn new(service: Arc<dyn KeyService>) -> Self {
        Self(service)
    }
}

impl Recipient for ServiceKey {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let secret = Secret::try_from_fn(|bytes| rand::fill(bytes)).map_err(|_| RandomnessError)?;
        let wrapped = self.0.wrap(secret.expose(), &context.into()).map_err(WrapError::Backend)?;
        if !(1..=WRAPPED_LIMIT).contains(&wrapped.len()) {
            return Err(WrapError::Backend(Box::new(WrappedLength(wrapped.len()))));
        }
        let mut parameters = random_array::<{ symmetric::SALT_LENGTH }>()?.to_vec();
        parameters.extend_from_slice(&wrapped);
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
