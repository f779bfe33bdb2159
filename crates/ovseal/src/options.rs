//! The settings with which a container is opened or verified.

use std::num::NonZeroUsize;
use std::path::Path;

use ovseal_format::crypto::aead::AeadProvider;
use ovseal_format::manifest::ModelName;
use ovseal_memory::{LateFailureHandler, exit_with_line};

use crate::byte_callback::ByteCallback;
use crate::container::Trust;
use crate::error::OpenError;
use crate::rollback::RollbackState;
use crate::threads;
use crate::unlock::{KdfLimit, Requirements};

/// The requirements that a container must meet, and settings for reading it.
///
/// [`Trust`] is mandatory. A required name, security version or rollback state means nothing
/// without a publisher's signature, so each of them needs [`Trust::Publishers`].
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until they are used to open or verify"]
pub struct OpenOptions {
    pub(crate) requirements: Requirements,
    pub(crate) threads: NonZeroUsize,
    pub(crate) provider: AeadProvider,
    pub(crate) progress: ByteCallback,
    pub(crate) on_late_failure: LateFailureHandler,
    pub(crate) checks_digests: bool,
    pub(crate) memory_budget: Option<u64>,
}

impl OpenOptions {
    /// Creates settings with this trust and no further requirements.
    pub fn new(trust: Trust) -> Self {
        Self {
            requirements: Requirements::new(trust),
            threads: threads::default_count(),
            provider: AeadProvider::detect(),
            progress: ByteCallback::default(),
            on_late_failure: print_and_exit,
            checks_digests: false,
            memory_budget: None,
        }
    }

    /// Requires the model with this name.
    pub fn name(mut self, name: ModelName) -> Self {
        self.requirements.name = Some(name);
        self
    }

    /// Requires at least this security version.
    pub fn min_security_version(mut self, version: u64) -> Self {
        self.requirements.min_security_version = Some(version);
        self
    }

    /// Requires at least the highest security version that this device has accepted before.
    pub fn rollback_state(mut self, state: RollbackState) -> Self {
        self.requirements.rollback = Some(state);
        self
    }

    /// Sets the number of threads that decrypt a whole part or verify a container.
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// Sets the library for AES-GCM, instead of the one that [`AeadProvider::detect`] returns.
    pub fn provider(self, provider: AeadProvider) -> Self {
        Self { provider, ..self }
    }

    /// Limits key derivation from passphrases in one call: MiB of memory times passes, 1024 by
    /// default.
    ///
    /// The limit covers the sum over all stanzas that the call could try: in the container, in the
    /// rekeying file and in the side file. The sum is computed before the first stanza is tried. A
    /// single derivation may use a quarter of the limit as memory. Stanzas beyond the limit are
    /// skipped. The format itself allows up to 4096 MiB for each stanza.
    pub fn kdf_limit(mut self, mib: u32) -> Self {
        self.requirements.kdf_limit = KdfLimit { mib };
        self
    }

    /// Sets a callback that worker threads call with the number of bytes just opened or verified.
    pub fn progress(self, callback: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { progress: ByteCallback::new(callback), ..self }
    }

    /// Sets the handler that ends the process if a chunk of a mapping, authentic before, cannot be
    /// decrypted again.
    ///
    /// By default, `ovseal: error: ` and the message are written to standard error, and the process
    /// ends with exit code 3. A handler must follow the rules of [`LateFailureHandler`].
    pub fn on_late_failure(self, handler: LateFailureHandler) -> Self {
        Self { on_late_failure: handler, ..self }
    }

    /// Limits the bytes of a network's weights that are in memory while a runtime reads them.
    ///
    /// Without a limit, they stay as long as the system and the memory cgroups around the process
    /// have room. Beyond it, weights are decrypted again when the runtime reads them again. The
    /// tensors that the runtime is reading stay in memory even if they exceed the limit, and so do
    /// small constants, up to 4 MiB. The limit applies to mappings that are
    /// [bounded](crate::UnverifiedMapping::bound); those that you read yourself stay whole.
    pub fn memory_budget(self, bytes: u64) -> Self {
        Self { memory_budget: Some(bytes), ..self }
    }

    /// Fails if opening the container at `path` would fail because no sender is specified. Takes no
    /// key.
    ///
    /// # Errors
    /// [`OpenError::SenderNotNamed`]. With [`Trust::SharedSecret`], also any error of reading the
    /// container.
    pub fn check_sender(&self, path: &Path) -> Result<(), OpenError> {
        self.requirements.check_sender(path)
    }
}

/// The default handler of late failures.
fn print_and_exit(message: &str) -> ! {
    exit_with_line(&format!("ovseal: error: {message}"))
}
