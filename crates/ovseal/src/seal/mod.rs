//! Seals a model into a container.

mod error;
mod header;
mod output;
mod payload;
mod trailer;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ovseal_files::{AtomicFile, FileIdentity};
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

/// A callback to which worker threads pass the number of bytes just sealed. [`ControlFlow::Break`]
/// cancels.
pub type Progress<'a> = dyn Fn(u64) -> ControlFlow<()> + Sync + 'a;

/// Settings for sealing a model.
///
/// The defaults are suite 1, security version 0, no signature, and one thread per processor.
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
    allow_only_license: bool,
    replace: bool,
    private: bool,
    read_files: Vec<FileIdentity>,
    threads: NonZeroUsize,
    provider: AeadProvider,
    progress: &'a Progress<'a>,
}

/// Facts about a container that was just sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The random id of the container.
    pub container_id: ContainerId,
    /// Length of the container in bytes.
    pub length: u64,
}

impl<'a> SealOptions<'a> {
    /// Creates settings for a model with this name.
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
            allow_only_license: false,
            replace: false,
            private: false,
            read_files: Vec::new(),
            threads: threads::default_count(),
            provider: AeadProvider::detect(),
            progress: &|_| ControlFlow::Continue(()),
        }
    }

    /// Adds a recipient, which can then open the container.
    pub fn recipient(mut self, recipient: &'a dyn Recipient) -> Self {
        self.recipients.push(recipient);
        self
    }

    /// Signs the container with this key. Several publishers may sign.
    pub fn publisher(mut self, key: &'a PublisherKey) -> Self {
        self.publishers.retain(|other| other.publisher().id() != key.publisher().id());
        self.publishers.push(key);
        self
    }

    /// Sets the security version. Devices can require a minimum.
    pub fn security_version(self, security_version: u64) -> Self {
        Self { security_version, ..self }
    }

    /// Sets the suite.
    pub fn suite(self, suite: Suite) -> Self {
        Self { suite, ..self }
    }

    /// Sets the chunk size, instead of the one that [`ChunkSize::for_model`] returns.
    pub fn chunk_size(self, chunk_size: ChunkSize) -> Self {
        Self { chunk_size: Some(chunk_size), ..self }
    }

    /// Allows both post-quantum and classical public keys.
    pub fn allow_mixed(self, allow_mixed: bool) -> Self {
        Self { allow_mixed, ..self }
    }

    /// Allows an enclave's key to be the only one. The container is lost when that key changes.
    pub fn allow_only_enclave(self, allow_only_enclave: bool) -> Self {
        Self { allow_only_enclave, ..self }
    }

    /// Allows a licence to be the only key. The container is lost with its licence service.
    pub fn allow_only_license(self, allow_only_license: bool) -> Self {
        Self { allow_only_license, ..self }
    }

    /// Sets whether an existing container may be replaced. Nothing else is ever replaced.
    pub fn replace(self, replace: bool) -> Self {
        Self { replace, ..self }
    }

    /// Sets whether only the owner can read the container. By default the umask decides.
    pub fn private(self, private: bool) -> Self {
        Self { private, ..self }
    }

    /// Declares a file that was read for sealing, such as a key file. It is neither sealed nor
    /// overwritten.
    pub fn read_file(mut self, file: FileIdentity) -> Self {
        self.read_files.push(file);
        self
    }

    /// Sets the number of threads that encrypt.
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// Sets the library for AES-GCM, instead of the one that [`AeadProvider::detect`] returns.
    pub fn provider(self, provider: AeadProvider) -> Self {
        Self { provider, ..self }
    }

    /// Sets a callback for progress.
    pub fn progress(self, progress: &'a Progress<'a>) -> Self {
        Self { progress, ..self }
    }

    /// Seals `model` into a container at `output`, which appears whole or not at all.
    ///
    /// # Errors
    /// [`SealError`], including one if `output` exists and [`replace`](Self::replace) is not set.
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

    /// Fails if sealing would include or overwrite the file of a key, or must not replace `output`.
    ///
    /// [`seal`](Self::seal) also checks this. Call this function before asking for a passphrase.
    ///
    /// # Errors
    /// [`SealError::KeyInModel`], [`SealError::OutputIsInput`], [`SealError::OutputIsKey`],
    /// [`SealError::Irreplaceable`], or [`SealError::Write`] with
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
