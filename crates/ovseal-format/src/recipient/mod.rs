//! Recipients wrap the data key, identities unwrap it: the only joint between the container and any kind of key.
//!
//! Other crates add kinds of key by implementing the two traits, and [`symmetric`] does the wrapping for those that
//! hold a symmetric secret.

mod age_encoding;
mod argon2_cost;
mod cache_key;
mod context;
mod derivation;
mod keyfile;
mod passphrase;
mod public_key;
mod service;
pub mod symmetric;

use crate::crypto::data_key::{DataKey, RandomnessError};
use crate::error_kind::ErrorKind;
use crate::stanza::{Stanza, StanzaError};
use crate::stanza_kind::RecipientClass;
pub use argon2_cost::Argon2Cost;
pub use cache_key::{CacheKey, Origin};
pub use context::Context;
pub use derivation::Derivation;
pub use keyfile::KeyFile;
pub use passphrase::{Argon2MemoryError, Passphrase};
pub use public_key::{PublicKeyIdentity, PublicKeyRecipient};
pub use service::{KeyService, ServiceContext, ServiceError, ServiceKey, WRAPPED_LIMIT};

/// Something to which a model can be sealed: it wraps the data key.
pub trait Recipient: Send + Sync {
    /// The stanza that holds `key` for this recipient; it must be bound to `context`.
    ///
    /// # Errors
    /// [`WrapError`] when the recipient cannot wrap, for example because its hardware does not answer.
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError>;

    /// Whether the stanza is made with a public key, and of which sort.
    fn class(&self) -> RecipientClass;
}

/// A key of the caller: it unwraps the data key from the stanzas that are made for it.
pub trait Identity: Send + Sync {
    /// The type of stanza that this identity can unwrap. Only stanzas of this type are shown to it.
    fn stanza_type(&self) -> &str;

    /// The data key in `stanza`, or nothing when the stanza is for another key or damaged.
    ///
    /// The caller checks whether the key fits the container.
    ///
    /// # Errors
    /// [`UnwrapError`] when the identity could not try: no memory, no hardware.
    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError>;

    /// The key derivation that [`unwrap`](Self::unwrap) does for this stanza; nothing for kinds of
    /// key that do none.
    ///
    /// It is asked for all stanzas before the first one is tried. A stanza whose derivation exceeds
    /// the caller's limit is not shown to `unwrap`.
    fn derivation(&self, _stanza: &Stanza) -> Option<Derivation> {
        None
    }
}

/// A recipient could not wrap the data key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// The operating system gives no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The recipient made a stanza that the format does not allow.
    #[error("the recipient made a stanza that the format does not allow")]
    Stanza(#[from] StanzaError),
    /// There is too little memory for the passphrase's key derivation.
    #[error("{mib} MiB of memory for Argon2id cannot be had")]
    Memory {
        /// Memory that is needed, in MiB.
        mib: u32,
    },
    /// The recipient's public key is one with which nothing stays secret.
    #[error("the recipient's public key gives no secret")]
    WeakPublicKey,
    /// The recipient's own back end failed.
    #[error("the recipient could not wrap the key")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl WrapError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::WeakPublicKey => ErrorKind::Usage,
            Self::Randomness(_) | Self::Stanza(_) | Self::Memory { .. } | Self::Backend(_) => {
                ErrorKind::Environment
            }
        }
    }
}

/// An identity could not try to unwrap, or was refused by what holds its key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnwrapError {
    /// There is too little memory for the passphrase's key derivation.
    #[error("{mib} MiB of memory for Argon2id cannot be had")]
    Memory {
        /// Memory that is needed, in MiB.
        mib: u32,
    },
    /// The identity's own back end failed.
    #[error("the identity could not be used")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The stanza is for this identity, but the hardware that holds its key does not let it be used now.
    #[error("the identity is not allowed to open the container")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl UnwrapError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(_) => ErrorKind::NoKeyFits,
            Self::Memory { .. } | Self::Backend(_) => ErrorKind::Environment,
        }
    }
}

/// Text or bytes are no key of the expected kind. Nothing of them is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The passphrase is empty, too long, or no UTF-8.
    #[error("a passphrase is UTF-8 text of 1 to 1024 bytes")]
    Passphrase,
    /// The Argon2id cost is outside the limits of the format.
    #[error("the Argon2id cost is outside the limits of the format")]
    Cost,
    /// The key file has another length.
    #[error("a key file holds exactly 32 bytes")]
    KeyFile,
    /// The text is no recipient.
    #[error("a recipient begins with age1 or age1pq1 and is free of typing errors")]
    Recipient,
    /// The text is no identity.
    #[error("an identity begins with AGE-SECRET-KEY-1 or AGE-SECRET-KEY-PQ-1 and is free of typing errors")]
    Identity,
    /// The file holds no usable public key of a publisher.
    #[error("a publisher's public key consists of PEM blocks for Ed25519 and ML-DSA-65")]
    PublisherPublic,
    /// The file holds no usable private key of a publisher.
    #[error("a publisher's private key consists of PEM blocks for Ed25519 and ML-DSA-65")]
    PublisherPrivate,
    /// The file is not the ML-DSA half of a publisher's private key.
    #[error(
        "the half of a publisher's private key that stands beside a token is one PEM block, for ML-DSA-65"
    )]
    PublisherMlDsa,
}
