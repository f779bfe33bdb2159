//! Internal parsers, made public for the fuzz targets.
//!
//! This module exists only in builds for fuzzing, in which every MAC passes.

use ovseal_format::layout::ChunkSize;
use ovseal_format::manifest::{Manifest, PartKind};
use ovseal_format::prologue::{ContainerId, Prologue};
use ovseal_format::publisher::Signatures;
use ovseal_format::stanza_region::StanzaRegion;
use ovseal_format::statement::Statement;
use ovseal_format::suite::Suite;

use crate::container::{rekey_file, side_file};
use crate::rollback::Contents;

/// Parses a statement, and checks that it encodes to the same bytes.
pub fn statement(bytes: &[u8]) {
    if let Some(statement) = Statement::parse(bytes) {
        assert_eq!(statement.encode(), bytes);
    }
}

/// Parses a manifest without its statement, and checks that it encodes to the same bytes.
///
/// The words for unknown kinds of parts are not kept, so a manifest with such a part is only
/// parsed.
pub fn manifest(bytes: &[u8]) {
    let known = |manifest: &Manifest| manifest.parts.iter().all(|part| part.kind != PartKind::Other);
    if let Some(manifest) = Manifest::parse_unchecked(bytes).filter(known) {
        assert_eq!(manifest.encode(), bytes);
    }
}

/// Parses signatures, and checks that they encode to the same bytes.
pub fn signatures(bytes: &[u8]) {
    if let Some(signatures) = Signatures::parse(bytes) {
        assert_eq!(signatures.encode(), bytes);
    }
}

/// Parses a stanza region, and checks that it encodes to the same bytes, up to the checksum.
pub fn stanzas(bytes: &[u8]) {
    if let Some(region) = StanzaRegion::parse_padded(bytes) {
        let encoded = region.encode_padded(bytes.len() as u64).unwrap_or_default();
        let length = region.encode(&[]).len() - 32;
        assert_eq!(encoded.get(..length), bytes.get(..length));
    }
}

/// Parses a rekeying file and a side file, for a container with the smallest region.
pub fn files_next_to(bytes: &[u8]) {
    let prologue = Prologue {
        suite: Suite::Blake3,
        chunk_size: ChunkSize::SMALL,
        region_length: 4096,
        container_id: ContainerId::from_bytes([1; 32]),
        commitment: [0; 32],
    };
    let _ = rekey_file::parse(bytes, &prologue);
    let _ = side_file::parse(bytes, &prologue);
}

/// Parses a rollback state, and checks that it encodes to the same bytes.
pub fn rollback_state(bytes: &[u8]) {
    if let Some(contents) = Contents::parse(bytes) {
        assert_eq!(contents.encode().as_bytes(), bytes);
    }
}
