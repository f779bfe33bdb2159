//! The files and buffers that all methods share.

use std::fs::File;
use std::io::Write;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ovseal::{
    ChunkSize, KeyFile, Model, ModelName, ModelOptions, OpenOptions, Opened, Part, PublisherKey, SealOptions,
    Trust,
};
use ovseal_memory::ModelMemory;

use super::aead::{Aead, Tag};
use crate::Result;
use crate::process::Temporary;

/// Files of one length on the measured disk, and the keys.
pub(crate) struct Fixture {
    directory: Temporary,
    /// Length of the plaintext in bytes.
    pub(crate) size: u64,
    /// Bytes in a chunk, for the container and for the methods next to it.
    pub(crate) chunk: usize,
    /// The tags that make the plaintext itself a valid ciphertext.
    pub(crate) tags: Vec<Tag>,
    /// The key that opens the container.
    pub(crate) key: KeyFile,
    /// The signer of the container.
    pub(crate) publisher: PublisherKey,
    /// An interpreter with the package `cryptotensors`.
    pub(crate) python: PathBuf,
}

impl Fixture {
    /// Writes a plaintext of `size` seeded random bytes and its container in `directory`.
    pub(crate) fn create(directory: &Path, size: u64, python: &Path) -> Result<Self> {
        let mut fixture = Self {
            directory: Temporary::create(directory.join("files"))?,
            size,
            chunk: ChunkSize::for_model(size).bytes(),
            tags: Vec::new(),
            key: KeyFile::generate()?,
            publisher: PublisherKey::generate()?,
            python: python.to_owned(),
        };
        fixture.tags = fixture.write_plaintext()?;
        fixture.seal(&fixture.container(), default_threads())?;
        Ok(fixture)
    }

    /// Returns the path of a file of this fixture.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Returns the path of the plaintext.
    pub(crate) fn plaintext(&self) -> PathBuf {
        self.file(PART)
    }

    /// Returns the path of the container.
    pub(crate) fn container(&self) -> PathBuf {
        self.file("part.ovseal")
    }

    /// Seals the plaintext for the key file, signed by the publisher.
    pub(crate) fn seal(&self, output: &Path, threads: NonZeroUsize) -> Result<()> {
        let model = Model::find(&self.plaintext(), ModelOptions::default())?;
        let options =
            SealOptions::new(ModelName::parse("bench")?).recipient(&self.key).publisher(&self.publisher);
        options.threads(threads).seal(&model, output)?;
        Ok(())
    }

    /// Opens the container.
    pub(crate) fn open(&self, trust: &Trust, threads: NonZeroUsize) -> Result<Opened> {
        Ok(OpenOptions::new(trust.clone()).threads(threads).open(&self.container(), &[&self.key])?)
    }

    /// Opens the container and finds its part.
    pub(crate) fn part(&self, trust: &Trust, threads: NonZeroUsize) -> Result<Part> {
        Ok(self.open(trust, threads)?.part(PART)?)
    }

    /// Trusts only the publisher that signed, so that digests are checked.
    pub(crate) fn named(&self) -> Trust {
        Trust::Publishers(vec![self.publisher.publisher().clone()])
    }

    /// Reads a file into the page cache, in case it was evicted.
    pub(crate) fn warm(&self, file: &Path, buffers: &mut Buffers) -> Result<()> {
        let file = File::open(file)?;
        let length = file.metadata()?.len().min(self.size) as usize;
        Ok(file.read_exact_at(&mut buffers.destination[..length], 0)?)
    }

    /// Writes seeded random bytes, and returns each chunk's tag as a ciphertext.
    fn write_plaintext(&self) -> Result<Vec<Tag>> {
        let mut file = File::create(self.plaintext())?;
        let mut random = blake3::Hasher::new().update(b"ovseal bench").finalize_xof();
        let (aead, mut chunk, mut tags) = (Aead::chosen()?, vec![0; self.chunk], Vec::new());
        let mut left = self.size as usize;
        while left > 0 {
            let data = &mut chunk[..left.min(self.chunk)];
            random.fill(data);
            tags.push(aead.tag_as_ciphertext(tags.len() as u64, data)?);
            file.write_all(data)?;
            left -= data.len();
        }
        file.sync_all()?;
        Ok(tags)
    }
}

/// Two prefaulted buffers. Only the methods that measure page faults include their cost.
pub(crate) struct Buffers {
    /// The place for decrypted bytes.
    pub(crate) destination: ModelMemory,
    /// The place for age's ciphertext, its header and its tags.
    pub(crate) second: Vec<u8>,
}

impl Buffers {
    /// Allocates the buffers for `size` bytes.
    pub(crate) fn new(size: u64) -> Result<Self> {
        let size = size as usize;
        let mut destination = ModelMemory::zeroed(size)?;
        destination.fill(1);
        Ok(Self { destination, second: vec![2; size + size / 1024 + 4096] })
    }
}

/// Returns the number of processors.
pub(crate) fn default_threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

const PART: &str = "weights.bin";
