//! Opening a container, in the order of `docs/format.md` §7.

mod compiled;
mod mapping;
mod opened;
mod part;
mod progress;
mod scratch;
mod sender;
mod unlock;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use ovseal_memory::LateFailureHandler;

pub use mapping::{PartMapping, Populated, UnverifiedMapping};
pub use opened::Opened;
pub(crate) use opened::{Tables, check_padding};
pub use part::Part;
use progress::Progress;
pub(crate) use sender::Sender;
pub(crate) use unlock::Unlocked;
use unlock::{Keyring, unlock};

use crate::aead::AeadProvider;
use crate::container::{CheckedStatement, Container, Trust};
use crate::context::Context;
use crate::derivation::KdfLimit;
use crate::error::OpenError;
use crate::manifest::ModelName;
use crate::recipient::Identity;
use crate::region::StanzaBlock;
use crate::rollback::RollbackState;
use crate::side_file::SideFile;
use crate::source::ReadAt;
use crate::statement::ModelId;
use crate::threads;

/// What a caller demands of a container, and how it is read.
///
/// The trust argument is mandatory: see [`Trust`]. A demanded name, security version or rollback state is worth nothing
/// without a publisher's signature, so each of them needs [`Trust::Publishers`].
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until they are used to open or verify"]
pub struct OpenOptions {
    trust: Trust,
    name: Option<ModelName>,
    min_security_version: Option<u64>,
    rollback: Option<RollbackState>,
    pub(crate) threads: NonZeroUsize,
    provider: AeadProvider,
    pub(crate) progress: Progress,
    on_late_failure: LateFailureHandler,
    checks_digests: bool,
    kdf_limit: KdfLimit,
}

impl OpenOptions {
    /// Makes settings with this trust and no further demands.
    pub fn new(trust: Trust) -> Self {
        Self {
            trust,
            name: None,
            min_security_version: None,
            rollback: None,
            threads: threads::default_count(),
            provider: AeadProvider::detect(),
            progress: Progress::default(),
            on_late_failure: mapping::print_and_exit,
            checks_digests: false,
            kdf_limit: KdfLimit::default(),
        }
    }

    /// Demands the model of this name.
    pub fn name(self, name: ModelName) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Demands at least this security version.
    pub fn min_security_version(self, version: u64) -> Self {
        Self { min_security_version: Some(version), ..self }
    }

    /// Demands at least the security version that this device has accepted before.
    pub fn rollback_state(self, state: RollbackState) -> Self {
        Self { rollback: Some(state), ..self }
    }

    /// Sets how many threads decrypt a whole part, or verify a container.
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// Chooses another library for AES-GCM than [`AeadProvider::detect`] gives.
    pub fn provider(self, provider: AeadProvider) -> Self {
        Self { provider, ..self }
    }

    /// Sets how much key derivation from passphrases one call may do, in MiB of memory times
    /// passes; 1024 by default.
    ///
    /// It limits the sum over all stanzas that the call could try, in the container, in a file of
    /// an unfinished rekeying and in the side file, and is counted before the first one is tried. A
    /// single derivation may take a quarter of it as memory. Stanzas that exceed it are passed
    /// over; the format itself allows up to 4096 MiB for each.
    pub fn kdf_limit(self, mib: u32) -> Self {
        Self { kdf_limit: KdfLimit { mib }, ..self }
    }

    /// Sets a call-back, called from worker threads with the number of bytes just opened or verified.
    pub fn progress(self, callback: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { progress: Progress::new(callback), ..self }
    }

    /// Sets what ends the process if a mapped chunk that was good before cannot be decrypted again.
    ///
    /// By default, `ovseal: error: ` and the message are written to standard error, and the process
    /// ends with exit code 3. A handler must follow the rules of [`LateFailureHandler`].
    pub fn on_late_failure(self, handler: LateFailureHandler) -> Self {
        Self { on_late_failure: handler, ..self }
    }

    /// Compares the digests of chunks even if no publisher is named, which then shows damage only.
    pub(crate) fn checking_digests(&self) -> Self {
        Self { checks_digests: true, ..self.clone() }
    }

    /// Opens the container at `path` with one of `identities`.
    ///
    /// Everything but the payload is authentic when this returns; the parts are decrypted when they are read. Call
    /// [`Opened::accept`] after the model has been loaded, so that the rollback state is raised.
    ///
    /// # Errors
    /// [`OpenError`]; the first check that fails, in the order of the format.
    pub fn open(&self, path: &Path, identities: &[&dyn Identity]) -> Result<Opened, OpenError> {
        self.check_usage()?;
        self.open_container(&Container::open(path)?, identities)
    }

    /// Opens a container that is no file. Files beside it (rekeying, side file) are not looked for.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_source(
        &self,
        source: Arc<dyn ReadAt>,
        identities: &[&dyn Identity],
    ) -> Result<Opened, OpenError> {
        self.check_usage()?;
        self.open_container(&Container::from_source(source)?, identities)
    }

    /// Checks signature and demands, but no key and no payload.
    pub(crate) fn authenticate(&self, container: &Container) -> Result<CheckedStatement, OpenError> {
        self.check_usage()?;
        let verified = container.authenticate(&self.trust)?;
        self.check_demands(&verified)?;
        Ok(verified)
    }

    pub(crate) fn open_container(
        &self,
        container: &Container,
        identities: &[&dyn Identity],
    ) -> Result<Opened, OpenError> {
        let statement = self.authenticate(container)?;
        let (unlocked, _) = self.unlock_checked(container, &statement, identities)?;
        Opened::new(self, container, statement, unlocked)
    }

    /// Checks signature and demands, and finds the data key. Recipients are told the context, too.
    pub(crate) fn unlock(
        &self,
        container: &Container,
        identities: &[&dyn Identity],
    ) -> Result<(Unlocked, Context), OpenError> {
        let statement = self.authenticate(container)?;
        self.unlock_checked(container, &statement, identities)
    }

    fn unlock_checked(
        &self,
        container: &Container,
        statement: &CheckedStatement,
        identities: &[&dyn Identity],
    ) -> Result<(Unlocked, Context), OpenError> {
        let context = Context::new(&container.prologue, ModelId(statement.statement.model_id));
        let keyring = Keyring { identities, limit: self.kdf_limit };
        let unlocked = unlock(container, &context, &self.sender(statement), &keyring)?;
        Ok((unlocked, context))
    }

    /// Fails if opening the container at `path` would fail because the caller names no sender. It takes no key.
    ///
    /// # Errors
    /// [`OpenError::SenderNotNamed`]; with [`Trust::SharedSecret`] also the errors of reading the container.
    pub fn check_sender(&self, path: &Path) -> Result<(), OpenError> {
        if self.trust != Trust::SharedSecret {
            return Ok(());
        }
        let container = Container::open(path)?;
        let statement = container.authenticate(&self.trust)?;
        let side = SideFile::read(&container)?;
        let side = side.as_ref().map(|side| &side.block);
        self.sender(&statement).check(container.candidates()?, side)?;
        Ok(())
    }

    /// Fails as [`check_sender`](Self::check_sender) would if the container held this block.
    pub(crate) fn check_block(&self, container: &Container, block: &StanzaBlock) -> Result<(), OpenError> {
        let statement = container.authenticate(&self.trust)?;
        self.sender(&statement).check_block(block)
    }

    fn sender<'a>(&'a self, statement: &'a CheckedStatement) -> Sender<'a> {
        Sender::new(&self.trust, statement)
    }

    pub(crate) fn check_usage(&self) -> Result<(), OpenError> {
        let demands = self.name.is_some() || self.min_security_version.is_some() || self.rollback.is_some();
        match &self.trust {
            Trust::Publishers(publishers) if publishers.is_empty() => Err(OpenError::NoPublisher),
            Trust::AnySender | Trust::SharedSecret if demands => Err(OpenError::DemandWithoutPublisher),
            _ => Ok(()),
        }
    }

    fn check_demands(&self, verified: &CheckedStatement) -> Result<(), OpenError> {
        let model = ModelId(verified.statement.model_id);
        if let Some(name) = self.name.as_ref().filter(|name| name.id() != model) {
            return Err(OpenError::WrongName { name: name.as_str().to_owned() });
        }
        let mut floor = self.min_security_version.unwrap_or(0);
        if let Some(state) = &self.rollback {
            floor = floor.max(state.floor(&self.trust.publishers_of(model), model)?);
        }
        let found = verified.statement.security_version;
        if found < floor { Err(OpenError::SecurityVersion { found, floor }) } else { Ok(()) }
    }
}
