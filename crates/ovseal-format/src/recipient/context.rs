//! What recipients and identities are told of the container that is sealed, opened or rekeyed.

use crate::prologue::{Binding, ContainerId, Prologue};
use crate::recipient::derivation::Derivations;
use crate::statement::ModelId;

/// The container to which a stanza belongs, for the length of one call.
///
/// Stanzas are bound to it, and it keeps what was derived from passphrases until the call ends.
#[derive(Debug)]
pub struct Context {
    binding: Binding,
    container_id: ContainerId,
    model_id: ModelId,
    /// Derivations that were done in this call.
    pub derivations: Derivations,
}

impl Context {
    /// Returns the context of the container with this prologue, which says that it holds this
    /// model.
    pub fn new(prologue: &Prologue, model_id: ModelId) -> Self {
        let (binding, container_id) = (prologue.binding(), prologue.container_id);
        Self { binding, container_id, model_id, derivations: Derivations::default() }
    }

    /// Returns the 32 bytes to which a stanza is bound: SHA-512/256 of the prologue without the
    /// commitment.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.binding.as_bytes()
    }

    /// Returns the container's random name.
    pub const fn container_id(&self) -> ContainerId {
        self.container_id
    }

    /// Returns the id of the model.
    ///
    /// It is authentic if a publisher was named, and a claim of the container otherwise.
    pub const fn model_id(&self) -> ModelId {
        self.model_id
    }
}
