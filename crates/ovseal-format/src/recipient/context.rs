//! The container being sealed, opened or rekeyed, as recipients and identities see it.

use crate::prologue::{Binding, ContainerId, Prologue};
use crate::recipient::derivation::Derivations;
use crate::statement::ModelId;

/// The container to which a stanza is bound, during one call.
///
/// Until the call ends, it also holds the secrets derived from passphrases.
#[derive(Debug)]
pub struct Context {
    binding: Binding,
    container_id: ContainerId,
    model_id: ModelId,
    /// The derivations of this call.
    pub derivations: Derivations,
}

impl Context {
    /// Creates the context of the container with this prologue and model id.
    pub fn new(prologue: &Prologue, model_id: ModelId) -> Self {
        let (binding, container_id) = (prologue.binding(), prologue.container_id);
        Self { binding, container_id, model_id, derivations: Derivations::default() }
    }

    /// Returns the 32 bytes to which a stanza is bound, `ctx` in `docs/format.md` §3.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.binding.as_bytes()
    }

    /// Returns the container's random id.
    pub const fn container_id(&self) -> ContainerId {
        self.container_id
    }

    /// Returns the id of the model.
    ///
    /// The id is authentic only if a publisher was specified. Otherwise it is only the container's
    /// claim.
    pub const fn model_id(&self) -> ModelId {
        self.model_id
    }
}
