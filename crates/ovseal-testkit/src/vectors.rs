//! Test vectors of the format, one behaviour per file.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A test vector: how to open a container, and the expected outcome.
#[derive(Debug, Deserialize)]
pub struct Vector {
    /// Name of its files, without extension.
    #[serde(skip)]
    pub name: String,
    /// Description of the behaviour.
    pub description: String,
    /// Key to open it with.
    pub key: Option<VectorKey>,
    /// File name of the trusted publisher's public key, or `None` for any sender.
    pub publisher: Option<String>,
    /// Required model name.
    #[serde(rename = "name")]
    pub demanded_name: Option<String>,
    /// Minimum security version.
    pub min_security_version: Option<u64>,
    /// Expected outcome.
    pub expect: Expected,
    /// Model name, if it opens.
    pub model_name: Option<String>,
    /// Security version, if it opens.
    pub security_version: Option<u64>,
    /// Parts, if it opens.
    #[serde(default)]
    pub parts: Vec<VectorPart>,
}

/// The key of a vector.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorKey {
    /// A passphrase as text.
    Passphrase(String),
    /// The bytes of a passphrase in hexadecimal.
    PassphraseHex(String),
    /// The bytes of a key file in hexadecimal.
    Keyfile(String),
    /// An identity in age's format.
    Identity(String),
}

/// Expected outcome of opening a vector.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the specification's table defines the names")]
pub enum Expected {
    Opened,
    NotAContainer,
    Unsupported,
    NotAuthentic,
    NoKeyFits,
    Denied,
    Usage,
}

/// A part of a vector that opens.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct VectorPart {
    /// Its path.
    pub path: String,
    /// Its kind in the manifest.
    pub kind: String,
    /// Its length in bytes.
    pub length: u64,
    /// Hexadecimal SHA-256 of its content.
    pub sha256: String,
    /// Indexes of its companions.
    pub companions: Vec<usize>,
}

impl Vector {
    /// Returns the path of the container.
    pub fn container(&self) -> PathBuf {
        vectors_folder().join(format!("{}.ovseal", self.name))
    }

    /// Reads the trusted publisher's key as a string.
    pub fn publisher_pem(&self) -> Option<String> {
        self.publisher.as_ref().map(|file| std::fs::read_to_string(vectors_folder().join(file)).unwrap())
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap();
        let mut vector: Self =
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        vector.name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        vector
    }
}

/// Returns the directory of the vectors.
pub fn vectors_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors")
}

/// Returns all vectors, sorted by name.
pub fn vectors() -> Vec<Vector> {
    let files = vectors_folder().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut vectors: Vec<Vector> = json.map(|path| Vector::read(&path)).collect();
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(vectors.len() > 100, "the vectors are missing");
    vectors
}
