//! The rollback state that the caller specifies.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ovseal::RollbackState;
use ovseal_hardware::tpm2::TpmAnchor;

use super::{Inputs, KeyOptions, Keys, tpm};
use crate::errors::CommandError;

/// The smallest version that the device accepts.
#[derive(Debug, Args)]
pub(crate) struct RollbackOptions {
    /// Require at least the security version recorded in FILE, and record a newer one; needs
    /// --publisher
    #[arg(long, value_name = "FILE", help_heading = "Trust options")]
    pub(crate) rollback_state: Option<PathBuf>,

    /// Require the rollback state to be tied to this device's TPM (see rollback-state --tpm)
    #[arg(long, requires = "rollback_state", help_heading = "Trust options")]
    pub(crate) rollback_tpm: bool,
}

impl RollbackOptions {
    /// Returns the rollback state, if one is specified. With `--rollback-tpm`, it is anchored in
    /// this device's TPM, and shares the key's connection to the TPM, and its PIN.
    ///
    /// # Errors
    /// Fails if the TPM or its PIN cannot be used.
    pub(crate) fn state(
        &self,
        options: &KeyOptions,
        keys: &Keys,
        inputs: &mut Inputs,
    ) -> Result<Option<RollbackState>, CommandError> {
        let Some(path) = &self.rollback_state else { return Ok(None) };
        if !self.rollback_tpm {
            return Ok(Some(RollbackState::new(path)));
        }
        let identity = match keys.device() {
            Some(identity) => identity.clone(),
            None => tpm::identity(&options.device, &options.pin, inputs)?,
        };
        Ok(Some(RollbackState::anchored(path, Arc::new(TpmAnchor::new(identity)))))
    }
}
