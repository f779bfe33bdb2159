//! The senders that the caller trusts.

use ovseal_format::publisher::Publisher;
use ovseal_format::statement::{KeyId, ModelId};

use crate::error::OpenError;

/// The senders that the caller trusts. There is no default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// One of these publishers must have signed the container, and be trusted for its model.
    Publishers(Vec<Publisher>),
    /// Anyone who could seal to the caller's key may have made the container. For a public key,
    /// that is anyone at all.
    AnySender,
    /// No sender is specified. This opens only containers for passphrases and key files.
    ///
    /// Every stanza of the container and of its side file must be of these two types. Any other
    /// container fails with [`OpenError::SenderNotNamed`] before a key is tried. A rekeying file
    /// with other stanzas is ignored, unless the container's own stanzas are damaged. Every
    /// recipient knows the data key, so the container may come from anyone for whom it was ever
    /// sealed or rekeyed.
    SharedSecret,
}

impl Trust {
    /// Returns the key ids of the publishers trusted for this model, sorted, each once.
    pub(crate) fn publishers_of(&self, model: ModelId) -> Vec<KeyId> {
        let Self::Publishers(publishers) = self else { return Vec::new() };
        let named = publishers.iter().filter(|publisher| publisher.may_sign(model));
        let mut ids: Vec<KeyId> = named.map(Publisher::id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Returns the first of these signers trusted for this model.
pub(super) fn trusted_for(model: ModelId, signers: &[&Publisher]) -> Result<KeyId, OpenError> {
    let trusted = signers.iter().find(|publisher| publisher.may_sign(model));
    let ids = signers.iter().map(|publisher| publisher.id());
    trusted.map(|publisher| publisher.id()).ok_or(OpenError::NotForPublisher(ids.collect()))
}
