//! The current enclave as an identity.

use std::path::PathBuf;

use ovseal::{Context, DataKey, Identity, Stanza, UnwrapError};

use super::{EnclaveKey, GRAMINE, STANZA_TYPE, SealingPolicy};

/// The identity of this enclave, which uses the key for the policy stated in each stanza.
#[derive(Clone, Debug)]
pub struct EnclaveIdentity {
    root: PathBuf,
}

impl EnclaveIdentity {
    /// Creates an identity that reads Gramine's files in their usual location.
    pub fn new() -> Self {
        Self::at(GRAMINE)
    }

    /// Creates an identity that reads Gramine's files below a different directory.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl Default for EnclaveIdentity {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity for EnclaveIdentity {
    fn stanza_type(&self) -> &str {
        STANZA_TYPE
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let Some(policy) = SealingPolicy::of_stanza(stanza.parameters()) else { return Ok(None) };
        let key =
            EnclaveKey::read(&self.root, policy).map_err(|error| UnwrapError::Backend(Box::new(error)))?;
        Ok(key.unwrap(stanza, context))
    }
}
