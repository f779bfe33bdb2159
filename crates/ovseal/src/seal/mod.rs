//! Sealing a model into a container.

mod payload;
mod trailer;

pub(crate) use payload::digest as chunk_digest;
pub(crate) use trailer::manifest_key;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::aead::AeadProvider;
use crate::atomic::AtomicFile;
use crate::key::{DataKey, FittingKey, Label, RandomnessError, random_array};
use crate::layout::{ChunkSize, Layout};
use crate::manifest::{Manifest, ModelName};
use crate::model::Model;
use crate::prologue::{ContainerId, PROLOGUE_LENGTH, Prologue};
use crate::publisher::PublisherKey;
use crate::recipient::{Recipient, RecipientClass, WrapError};
use crate::region::{self, StanzaBlock};
use crate::stanza::{self, Stanza};
use crate::suite::Suite;
use crate::threads;

/// Called from worker threads with the number of bytes just sealed; [`ControlFlow::Break`] cancels.
pub type Progress<'a> = dyn Fn(u64) -> ControlFlow<()> + Sync + 'a;

/// Settings for sealing a model.
///
/// The defaults are suite 1, security version 0, no signature, and as many threads as there are processors.
pub struct SealOptions<'a> {
    recipients: Vec<&'a dyn Recipient>,
    publishers: Vec<&'a PublisherKey>,
    name: ModelName,
    security_version: u64,
    suite: Suite,
    chunk_size: Option<ChunkSize>,
    allow_mixed: bool,
    replace: bool,
    threads: NonZeroUsize,
    provider: AeadProvider,
    progress: &'a Progress<'a>,
}

/// A model could not be sealed. Nothing stands under the container's name.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is no recipient, so nobody could open the container.
    #[error("no recipient")]
    NoRecipient,
    /// There are more recipients than a container holds, or more than one passphrase.
    #[error("a container holds at most 32 stanzas, one of them for a passphrase")]
    TooManyRecipients,
    /// Post-quantum and classical public keys are mixed: the weakest decides.
    #[error("post-quantum and classical public keys are mixed")]
    MixedRecipients,
    /// The model exceeds a limit of the format.
    #[error("the model exceeds a limit of the format: 4096 parts, 1 TiB a part, 16,777,216 chunks")]
    TooLarge,
    /// The container would overwrite a file of the model.
    #[error("the output is a file of the model")]
    OutputIsInput,
    /// A file of the model cannot be read, or changed meanwhile.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The container cannot be written.
    #[error("cannot write the container")]
    Write(#[source] std::io::Error),
    /// A recipient could not wrap the data key.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The operating system gives no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// There is too little memory for the buffers.
    #[error(transparent)]
    Memory(#[from] ovseal_memory::MemoryError),
    /// The caller's progress call-back cancelled.
    #[error("cancelled")]
    Cancelled,
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
    /// Settings for a model with this name.
    pub fn new(name: ModelName) -> Self {
        Self {
            recipients: Vec::new(),
            publishers: Vec::new(),
            name,
            security_version: 0,
            suite: Suite::default(),
            chunk_size: None,
            allow_mixed: false,
            replace: false,
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

    /// The security version, which devices can demand to be at least some number.
    pub fn security_version(self, security_version: u64) -> Self {
        Self { security_version, ..self }
    }

    /// Another suite.
    pub fn suite(self, suite: Suite) -> Self {
        Self { suite, ..self }
    }

    /// Another chunk size than [`ChunkSize::for_model`] gives.
    pub fn chunk_size(self, chunk_size: ChunkSize) -> Self {
        Self { chunk_size: Some(chunk_size), ..self }
    }

    /// Allows post-quantum beside classical public keys.
    pub fn allow_mixed(self, allow_mixed: bool) -> Self {
        Self { allow_mixed, ..self }
    }

    /// Whether an existing file may be replaced.
    pub fn replace(self, replace: bool) -> Self {
        Self { replace, ..self }
    }

    /// How many threads encrypt.
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// Another library for AES-GCM than [`AeadProvider::detect`] gives.
    pub fn provider(self, provider: AeadProvider) -> Self {
        Self { provider, ..self }
    }

    /// A call-back for progress.
    pub fn progress(self, progress: &'a Progress<'a>) -> Self {
        Self { progress, ..self }
    }

    /// Seals `model` into a container at `output`, which appears whole or not at all.
    ///
    /// # Errors
    /// [`SealError`]. An existing file at `output` is an error unless [`replace`](Self::replace) was called.
    pub fn seal(&self, model: &Model, output: &Path) -> Result<Sealed, SealError> {
        check_mixing(self.recipients.iter().map(|recipient| recipient.class()), self.allow_mixed)?;
        if model.contains_file(output) {
            return Err(SealError::OutputIsInput);
        }
        if !self.replace && output.symlink_metadata().is_ok() {
            return Err(SealError::Write(std::io::ErrorKind::AlreadyExists.into()));
        }
        let chunk_size = self.chunk_size.unwrap_or(ChunkSize::for_model(model.total_length()));
        let header = Header::new(self, chunk_size)?;
        let file = AtomicFile::create(output).map_err(SealError::Write)?;
        let sealed = self.write(model, &header, &file)?;
        file.commit(self.replace).map_err(SealError::Write)?;
        Ok(sealed)
    }

    fn write(&self, model: &Model, header: &Header, file: &AtomicFile) -> Result<Sealed, SealError> {
        let file = file.file();
        let manifest = self.manifest(model);
        let payload = PROLOGUE_LENGTH as u64 + header.prologue.region_length;
        let layout = Layout::new(header.prologue.chunk_size, payload, &manifest.lengths());
        let layout = layout.ok_or(SealError::TooLarge)?;
        let tables = payload::seal(self, model, header, &layout, file)?;
        let trailer = trailer::encode(header, &layout, &manifest, &tables, &self.publishers);
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
        Manifest {
            name: self.name.clone(),
            security_version: self.security_version,
            parts: model.parts().cloned().collect(),
            hints: vec![("producer".to_owned(), producer.to_owned())],
        }
    }
}

/// What stands before the payload, and the key that it is made with.
struct Header {
    prologue: Prologue,
    key: FittingKey,
    region: Vec<u8>,
}

impl Header {
    fn new(options: &SealOptions<'_>, chunk_size: ChunkSize) -> Result<Self, SealError> {
        // The context covers the region's length, and wrapping needs the context: so the length is found by a first
        // wrapping of a key that is thrown away, unless so few stanzas cannot need more than the default.
        let mut prologue = Prologue {
            suite: options.suite,
            chunk_size,
            region_length: region::region_length_for(&[]),
            container_id: ContainerId(random_array()?),
            commitment: [0; 32],
        };
        let (mut key, mut stanzas) = options.wrap(&mut prologue)?;
        let needed = region::region_length_for(&stanzas);
        if needed != prologue.region_length {
            prologue.region_length = needed;
            (key, stanzas) = options.wrap(&mut prologue)?;
        }
        let block = StanzaBlock::new(&key, Label::StanzaMac, &[], 1, stanzas);
        let region =
            region::encode_region(&block, prologue.region_length).ok_or(SealError::TooManyRecipients)?;
        Ok(Self { prologue, key, region })
    }
}

impl SealOptions<'_> {
    /// A fresh data key, wrapped for every recipient; sets the commitment.
    #[expect(clippy::expect_used, reason = "the message says why it cannot fail")]
    fn wrap(&self, prologue: &mut Prologue) -> Result<(FittingKey, Vec<Stanza>), SealError> {
        let key = DataKey::generate()?;
        let context = prologue.context();
        prologue.commitment = key.commitment(&context);
        let stanzas = self.recipients.iter().map(|recipient| recipient.wrap(&key, &context));
        let stanzas: Vec<Stanza> = stanzas.collect::<Result<_, _>>()?;
        if stanzas.is_empty() {
            return Err(SealError::NoRecipient);
        }
        if !stanza::are_allowed(&stanzas) {
            return Err(SealError::TooManyRecipients);
        }
        let key = key.fit(prologue).expect("the commitment was just made with this key");
        Ok((key, stanzas))
    }
}

/// Refuses classical beside post-quantum public keys.
pub(crate) fn check_mixing(
    classes: impl Iterator<Item = RecipientClass>,
    allowed: bool,
) -> Result<(), SealError> {
    let classes: Vec<RecipientClass> = classes.collect();
    let mixed = classes.contains(&RecipientClass::PostQuantumPublicKey)
        && classes.contains(&RecipientClass::ClassicalPublicKey);
    if mixed && !allowed { Err(SealError::MixedRecipients) } else { Ok(()) }
}
