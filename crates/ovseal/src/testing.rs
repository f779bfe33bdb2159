//! Containers for unit tests.

use std::path::{Path, PathBuf};

use ovseal_format::suite::sha256;

use crate::{ContainerId, Model, ModelName, ModelOptions, SealOptions};

/// Returns settings for sealing a model with the name `m`.
pub(crate) fn options<'a>() -> SealOptions<'a> {
    SealOptions::new(ModelName::parse("m").unwrap())
}

/// Seals a model with the part `w.bin` to `m.ovseal`, both in `directory`.
pub(crate) fn seal(directory: &Path, content: &[u8], options: &SealOptions<'_>) -> PathBuf {
    let [input, container] = ["w.bin", "m.ovseal"].map(|name| directory.join(name));
    std::fs::write(&input, content).unwrap();
    let model = Model::find(&input, ModelOptions { only: true, ..ModelOptions::default() }).unwrap();
    options.seal(&model, &container).unwrap();
    container
}

/// Encodes a rekeying file of version 1. Anyone can do so without a key.
pub(crate) fn planted_rekey_file(container: ContainerId, region: &[u8]) -> Vec<u8> {
    let mut bytes = [b"\x89OVREKY\n\0\x01\0\0\0\0\0\0", &container.as_bytes()[..], region].concat();
    let checksum = sha256(&[&bytes]);
    bytes.extend_from_slice(&checksum);
    bytes
}
