//! Sealing a model into a container.

mod error;
mod header;
mod output;
mod payload;
mod trailer;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ovseal_files::AtomicFile;
use ovseal_files::FileIdentity;
use ovseal_format::crypto::aead::AeadProvider;
use ovseal_format::layout::{ChunkSize, Layout};
use ovseal_format::manifest::{MANIFEST_LIMIT, Manifest, ModelName};
use ovseal_format::prologue::{ContainerId, PROLOGUE_LENGTH};
use ovseal_format::publisher::PublisherKey;
use ovseal_format::recipient::Recipient;
use ovseal_format::stanza_kind::are_mixed;
use ovseal_format::statement::PUBLISHER_LIMIT;
use ovseal_format::suite::Suite;

use crate::model::{Model, time_hints};
use crate::threads;
pub use error::SealError;
use header::Header;

/// Called from worker threads with the number of bytes just sealed; [`ControlFlow::Break`] cancels.
pub type Progress<'a> = dyn Fn(u64) -> ControlFlow<()> + Sync + 'a;

/// Settings for sealing a model.
///
/// The defaults are suite 1, security version 0, no signature, and as many threads as there are processors.
#[must_use = "settings do nothing until they are used to seal"]
pub struct SealOptions<'a> {
    recipients: Vec<&'a dyn Recipient>,
    publishers: Vec<&'a PublisherKey>,
    name: ModelName,
    security_version: u64,
    suite: Suite,
    chunk_size: Option<ChunkSize>,
    allow_mixed: bool,
    allow_only_enclave: bool,
    replace: bool,
    private: bool,
    read_files: Vec<FileIdentity>,
    threads: NonZeroUsize,
    provider: AeadProvider,
    progress: &'a Progress<'a>,
}

/// What a sealing made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The container's random name.
    pub container_id: ContainerId,
    /// Length of the container in bytes.
    pub length: u64,
}

impl<'a> SealOptions<'a> {
    /// Makes settings for a model with this name.
    pub fn new(name: ModelName) -> Self {
        Self {
            recipients: Vec::new(),
            publishers: Vec::new(),
            name,
            security_version: 0,
            suite: Suite::default(),
            chunk_size: None,
            allow_mixed: false,
            allow_only_enclave: false,
            replace: false,
            private: false,
            read_files: Vec::new(),
            threads: threads::default_count(),
            provider: AeadProvider::detect(),
            progress: &|_| ControlFlow::Continue(()),
        }
    }

    /// Adds someone who can open the container.
    pub fn recipient(mut self, recipient: &'a dyn Recipient) -> Self {
        self.recipients.push(recipient);
        self
    }

    /// Signs the container with this key; several may sign.
    pub fn publisher(mut self, key: &'a PublisherKey) -> Self {
        self.publishers.retain(|other| other.publisher().id() != key.publisher().id());
        self.publishers.push(key);
        self
    }

    /// Sets the security version, which devices can demand to be at least some number.
    pub fn security_version(self, security_version: u64) -> Self {
        Self { security_version, ..self }
    }

    /// Chooses the suite.
    pub fn suite(self, suite: Suite) -> Self {
        Self { suite, ..self }
    }

    /// Chooses another chunk size than [`ChunkSize::for_model`] gives.
    pub fn chunk_size(self, chunk_size: ChunkSize) -> Self {
        Self { chunk_size: Some(chunk_size), ..self }
    }

    /// Allows post-quantum beside classical public keys.
    pub fn allow_mixed(self, allow_mixed: bool) -> Self {
        Self { allow_mixed, ..self }
    }

    /// Allows that only an enclave's key opens the container; it is lost when that key changes.
    pub fn allow_only_enclave(self, allow_only_enclave: bool) -> Self {
        Self { allow_only_enclave, ..self }
    }

    /// Sets whether an existing container may be replaced. Anything else in its place is never replaced.
    pub fn replace(self, replace: bool) -> Self {
        Self { replace, ..self }
    }

    /// Sets whether the container is readable for its owner alone. Otherwise the umask decides.
    pub fn private(self, private: bool) -> Self {
        Self { private, ..self }
    }

    /// Names a file that was read for sealing, such as a key's. It is neither sealed nor overwritten.
    pub fn read_file(mut self, file: FileIdentity) -> Self {
        self.read_files.push(file);
        self
    }

    /// Sets how many threads encrypt.
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// Chooses another library for AES-GCM than [`AeadProvider::detect`] gives.
    pub fn provider(self, provider: AeadProvider) -> Self {
        Self { provider, ..self }
    }

    /// Sets a call-back for progress.
    pub fn progress(self, progress: &'a Progress<'a>) -> Self {
        Self { progress, ..self }
    }

    /// Seals `model` into a container at `output`, which appears whole or not at all.
    ///
    /// # Errors
    /// [`SealError`]. An existing file at `output` is an error unless [`replace`](Self::replace) was called.
    pub fn seal(&self, model: &Model, output: &Path) -> Result<Sealed, SealError> {
        if self.publishers.len() > PUBLISHER_LIMIT {
            return Err(SealError::TooManyPublishers);
        }
        if !self.allow_mixed && are_mixed(self.recipients.iter().map(|recipient| recipient.class())) {
            return Err(SealError::MixedRecipients);
        }
        self.check_files(model, output)?;
        let chunk_size = self.chunk_size.unwrap_or(ChunkSize::for_model(model.total_length()));
        let header = Header::new(self, chunk_size)?;
        let mode = if self.private { 0o600 } else { 0o666 };
        let file = AtomicFile::with_mode(output, mode).map_err(SealError::Write)?;
        let sealed = self.write(model, &header, &file)?;
        file.commit(self.replace).map_err(SealError::Write)?;
        Ok(sealed)
    }

    /// Fails if a file that was read is sealed or overwritten, or something stands at `output` that is not replaced.
    ///
    /// [`seal`](Self::seal) does the same; this is for a caller who asks a person for a passphrase in between.
    ///
    /// # Errors
    /// [`SealError::OutputIsInput`], [`SealError::OutputIsKey`], [`SealError::KeyInModel`], [`SealError::Irreplaceable`], or [`SealError::Write`] with
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists).
    pub fn check_files(&self, model: &Model, output: &Path) -> Result<(), SealError> {
        if let Some(path) = self.read_files.iter().find_map(|file| model.file(*file)) {
            return Err(SealError::KeyInModel { path: path.into() });
        }
        if let Ok(existing) = FileIdentity::of(output) {
            if model.file(existing).is_some() {
                return Err(SealError::OutputIsInput);
            }
            if self.read_files.contains(&existing) {
                return Err(SealError::OutputIsKey);
            }
        }
        output::check(output, self.replace)
    }

    fn write(&self, model: &Model, header: &Header, file: &AtomicFile) -> Result<Sealed, SealError> {
        let file = file.file();
        let manifest = self.manifest(model);
        if manifest.encode().len() as u64 > MANIFEST_LIMIT {
            return Err(SealError::TooLarge);
        }
        let payload = PROLOGUE_LENGTH as u64 + header.prologue.region_length;
        let layout = Layout::new(header.prologue.chunk_size, payload, &manifest.lengths());
        let layout = layout.ok_or(SealError::TooLarge)?;
        let tables = payload::encrypt(self, model, header, &layout, file)?;
        let trailer = trailer::encode(header, &layout, &manifest, &tables, &self.publishers)?;
        let mut front = header.prologue.encode().to_vec();
        front.extend_from_slice(&header.region);
        let mut length = layout.trailer;
        for section in [tables.tags.as_flattened(), tables.digests.as_flattened(), &trailer] {
            file.write_all_at(section, length).map_err(SealError::Write)?;
            length += section.len() as u64;
        }
        file.write_all_at(&front, 0).map_err(SealError::Write)?;
        Ok(Sealed { container_id: header.prologue.container_id, length })
    }

    fn manifest(&self, model: &Model) -> Manifest {
        let producer = concat!("ovseal ", env!("CARGO_PKG_VERSION"));
        let producer = std::iter::once(("producer".to_owned(), producer.to_owned()));
        Manifest {
            name: self.name.clone(),
            security_version: self.security_version,
            parts: model.parts().cloned().collect(),
            hints: producer.chain(time_hints(&model.parts)).collect(),
        }
    }
}
