//! Options of a command that opens a container for another program.

use std::path::Path;

use clap::Args;
use ovseal::{OpenOptions, Opened};

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
    /// Opens containers with the same keys, which are wiped before this returns.
    ///
    /// With a rollback state, every digest is verified, and the state is raised: a version with a
    /// damaged payload must not lock out one that works.
    ///
    /// # Errors
    /// Fails if a container does not open, or a requirement is not met.
    pub(crate) fn open(
        &self,
        containers: &[&Path],
        output: &mut Output,
    ) -> Result<Vec<Opened>, CommandError> {
        if self.strict {
            strict::check_host(&self.trust.sender)?;
        }
        let mut inputs = Inputs::default();
        let mut options = trust::open_options(&self.trust)?.kdf_limit(self.keys.kdf_limit);
        containers.iter().try_for_each(|container| trust::check_sender(&options, container))?;
        let first = containers.first().copied().unwrap_or(Path::new(""));
        let keys = Keys::obtain(&self.keys, first, &mut inputs)?;
        if let Some(state) = self.rollback.state(&self.keys, &keys, &mut inputs)? {
            options = options.rollback_state(state);
        }
        let mut open = |container: &&Path| self.open_one(&options, &keys, container, output);
        containers.iter().map(&mut open).collect()
    }

    fn open_one(
        &self,
        options: &OpenOptions,
        keys: &Keys,
        container: &Path,
        output: &mut Output,
    ) -> Result<Opened, CommandError> {
        let opened = options.open(container, &keys.identities());
        let opened = opened.map_err(|error| keys.failure(container, error))?;
        if self.rollback.rollback_state.is_some() {
            let progress = Progress::of_file(container);
            let verified = options.clone().progress(progress.callback()).verify(container);
            verified.and_then(|_| opened.accept()).map_err(|error| open_failure(container, error))?;
        }
        trust::warn_if_unsigned(&self.trust.sender, opened.claimed_publishers(), output);
        Ok(opened)
    }
}
