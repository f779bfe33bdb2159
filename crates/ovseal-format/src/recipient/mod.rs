//! Recipients wrap the data key, and identities unwrap it (`docs/format.md` §4).
//!
//! Other crates add kinds of key by implementing the two traits. For keys with a symmetric secret,
//! [`symmetric`] does the wrapping.

mod age_encoding;
mod argon2_cost;
mod cache_key;
mod context;
mod derivation;
mod keyfile;
mod license;
mod passphrase;
mod public_key;
mod service;
pub mod symmetric;

use crate::crypto::data_key::DataKey;
use crate::error_kind::ErrorKind;
use crate::random::RandomnessError;
use crate::stanza::{Stanza, StanzaError};
use crate::stanza_kind::RecipientClass;
pub use argon2_cost::Argon2Cost;
pub use cache_key::{CacheKey, Origin};
pub use context::Context;
pub use derivation::Derivation;
pub use keyfile::KeyFile;
pub use license::{LicenseRecipient, LicenseRecipientError, unwrap_license};
pub use passphrase::{Argon2MemoryError, Passphrase};
pub use public_key::{PublicKeyIdentity, PublicKeyRecipient};
pub use service::{KeyService, ServiceContext, ServiceError, ServiceKey, WRAPPED_LIMIT};

/// A key to which a model can be sealed. It wraps the data key.
pub trait Recipient: Send + Sync {
    /// Wraps `key` into a stanza, which must be bound to `context`.
    ///
    /// # Errors
    /// [`WrapError`] if the recipient cannot wrap, for example without its hardware.
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError>;

    /// Returns the class of the key behind the stanza.
    fn class(&self) -> RecipientClass;
}

/// The caller's key, which unwraps the data key from the stanzas for it.
pub trait Identity: Send + Sync {
    /// Returns the type of the stanzas to try with this identity.
    fn stanza_type(&self) -> &str;

    /// Unwraps the data key in `stanza`.
    ///
    /// Returns `None` if the stanza is damaged or for another key. The caller checks whether the
    /// key fits the container.
    ///
    /// # Errors
    /// [`UnwrapError`] if the identity could not try, or its hardware does not allow it.
    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError>;

    /// Returns the key derivation that [`unwrap`](Self::unwrap) does for this stanza, if any.
    ///
    /// This is called for all stanzas before the first one is tried. Stanzas whose derivation
    /// exceeds the caller's limit are not passed to `unwrap`.
    fn derivation(&self, _stanza: &Stanza) -> Option<Derivation> {
        None
    }
}

/// The error for a recipient that could not wrap the data key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// The operating system provided no random bytes.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The recipient created a stanza that the format does not allow.
    #[error("the recipient created a stanza that the format does not allow")]
    Stanza(#[from] StanzaError),
    /// The memory for the passphrase's key derivation could not be allocated.
    #[error("cannot allocate {mib} MiB of memory for Argon2id")]
    Memory {
        /// The memory that the derivation needs, in MiB.
        mib: u32,
    },
    /// Anyone could compute the shared secret with the recipient's public key.
    #[error("the recipient's public key is weak: anyone could compute the shared secret")]
    WeakPublicKey,
    /// The recipient's back end failed.
    #[error("the recipient could not wrap the key")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl WrapError {
    /// Returns the kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::WeakPublicKey => ErrorKind::Usage,
            Self::Randomness(_) | Self::Stanza(_) | Self::Memory { .. } | Self::Backend(_) => {
                ErrorKind::Environment
            }
        }
    }
}

/// The error for an identity that could not try to unwrap, or whose hardware did not allow it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnwrapError {
    /// The memory for the passphrase's key derivation could not be allocated.
    #[error("cannot allocate {mib} MiB of memory for Argon2id")]
    Memory {
        /// The memory that the derivation needs, in MiB.
        mib: u32,
    },
    /// The identity's back end failed.
    #[error("the identity could not be used")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The stanza is for this identity, but its hardware does not allow its use now.
    #[error("the hardware refused to use the identity")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl UnwrapError {
    /// Returns the kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(_) => ErrorKind::NoKeyFits,
            Self::Memory { .. } | Self::Backend(_) => ErrorKind::Environment,
        }
    }
}
