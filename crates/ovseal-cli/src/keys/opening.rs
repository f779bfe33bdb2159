//! Options of a command that opens a container for another program.

use std::path::Path;

use clap::Args;
use ovseal::Opened;

use super::rollback::RollbackOptions;
use super::trust::{self, TrustOptions};
use super::{Inputs, KeyOptions, Keys, open_failure, strict};
use crate::errors::CommandError;
use crate::ui::{Output, Progress};

/// The key, and the requirements that a container must meet.
#[derive(Debug, Args)]
pub(crate) struct OpeningOptions {
    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    #[command(flatten)]
    pub(crate) rollback: RollbackOptions,

    /// Fail if this host lacks a protection for keys or plaintext, or if no --publisher is given
    #[arg(long, help_heading = "Trust options")]
    pub(crate) strict: bool,
}

impl OpeningOptions {
    /// Opens a container. The keys are wiped before this returns.
    ///
    /// With a rollback state, every digest is verified, and the state is raised: a version with a
    /// damaged payload must not lock out one that works.
    ///
    /// # Errors
    /// Fails if the container does not open, or a requirement is not met.
    pub(crate) fn open(&self, container: &Path, output: &mut Output) -> Result<Opened, CommandError> {
        if self.strict {
            strict::check_host(&self.trust.sender)?;
        }
        let mut inputs = Inputs::default();
        let mut options = trust::open_options(&self.trust)?.kdf_limit(self.keys.kdf_limit);
        trust::check_sender(&options, container)?;
        let keys = Keys::obtain(&self.keys, container, &mut inputs)?;
        let state = self.rollback.state(&self.keys, &keys, &mut inputs)?;
        let raises = state.is_some();
        if let Some(state) = state {
            options = options.rollback_state(state);
        }
        let opened = options.open(container, &keys.identities());
        let opened = opened.map_err(|error| keys.failure(container, error))?;
        if raises {
            let progress = Progress::of_file(container);
            let verified = options.progress(progress.callback()).verify(container);
            verified.and_then(|_| opened.accept()).map_err(|error| open_failure(container, error))?;
        }
        trust::warn_if_unsigned(&self.trust.sender, opened.claimed_publishers(), output);
        Ok(opened)
    }
}
