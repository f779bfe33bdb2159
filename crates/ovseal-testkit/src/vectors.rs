//! The test vectors of the format: one behaviour a file.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One vector: how a container is to be opened, and what must come of it.
#[derive(Debug, Deserialize)]
pub struct Vector {
    /// Its name: that of its files without extension.
    #[serde(skip)]
    pub name: String,
    /// What it shows, in words.
    pub description: String,
    /// The key with which it is opened.
    pub key: Option<VectorKey>,
    /// File name of the trusted publisher's public key; none stands for any sender.
    pub publisher: Option<String>,
    /// The demanded model name.
    #[serde(rename = "name")]
    pub demanded_name: Option<String>,
    /// The least security version.
    pub min_security_version: Option<u64>,
    /// What must come of it.
    pub expect: Expected,
    /// The model's name, when it opens.
    pub model_name: Option<String>,
    /// The model's security version, when it opens.
    pub security_version: Option<u64>,
    /// The parts, when it opens.
    #[serde(default)]
    pub parts: Vec<VectorPart>,
}

/// The key of a vector.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorKey {
    /// A passphrase as text.
    Passphrase(String),
    /// A passphrase as hexadecimal bytes.
    PassphraseHex(String),
    /// A key file as hexadecimal bytes.
    Keyfile(String),
    /// An identity as age writes it.
    Identity(String),
}

/// What must come of opening a vector.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of the specification's table")]
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
    /// Its kind as the manifest names it.
    pub kind: String,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its content in hexadecimal digits.
    pub sha256: String,
    /// Numbers of its companions.
    pub companions: Vec<usize>,
}

impl Vector {
    /// The container.
    pub fn container(&self) -> PathBuf {
        vectors_folder().join(format!("{}.ovseal", self.name))
    }

    /// The text of the trusted publisher's key.
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

/// Where the vectors stand.
pub fn vectors_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors")
}

/// All vectors, by name.
pub fn vectors() -> Vec<Vector> {
    let files = vectors_folder().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut vectors: Vec<Vector> = json.map(|path| Vector::read(&path)).collect();
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(vectors.len() > 100, "the vectors are missing");
    vectors
}
