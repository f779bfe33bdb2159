//! Models without a network: sufficient for a container, which treats parts as bytes.

use std::path::{Path, PathBuf};

use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions, Opened, SealOptions, Trust};
use tempfile::TempDir;

/// A temporary directory with a model, a key, and a path for a container.
pub struct Fixture {
    folder: TempDir,
    /// The recipient of [`options`](Self::options).
    pub key: KeyFile,
}

impl Fixture {
    /// Creates a directory with these files in `model/`.
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap(), key: KeyFile::generate().unwrap() };
        files.iter().for_each(|(path, content)| fixture.write(path, content));
        fixture
    }

    /// Writes a file to the model's directory.
    pub fn write(&self, path: &str, content: &[u8]) {
        let path = self.model_path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Returns the temporary directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the model's directory.
    pub fn model_path(&self) -> PathBuf {
        self.folder().join("model")
    }

    /// Returns the container's path.
    pub fn container(&self) -> PathBuf {
        self.folder().join("model.ovseal")
    }

    /// Returns the model.
    pub fn model(&self) -> Model {
        Model::find(&self.model_path(), ModelOptions::default()).unwrap()
    }

    /// Returns settings that seal to the fixture's key under the name `model`.
    pub fn options(&self) -> SealOptions<'_> {
        SealOptions::new(ModelName::parse("model").unwrap()).recipient(&self.key)
    }

    /// Seals the model with these settings, replacing an earlier container.
    pub fn seal(&self, options: SealOptions<'_>) -> PathBuf {
        options.replace(true).seal(&self.model(), &self.container()).unwrap();
        self.container()
    }

    /// Opens the container with the fixture's key, trusting any sender.
    pub fn open(&self) -> Result<Opened, ovseal::OpenError> {
        OpenOptions::new(Trust::AnySender).open(&self.container(), &[&self.key])
    }
}

/// Returns `length` bytes in which no two chunks are equal.
pub fn pattern(length: usize) -> Vec<u8> {
    let word = |i: usize| ((i as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes();
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(word).collect();
    bytes.truncate(length);
    bytes
}
