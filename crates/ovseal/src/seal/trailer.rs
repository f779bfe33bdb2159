//! Everything after the payload: tables, manifest, statement, signatures, MAC and footer.

use ovseal_format::crypto::chunk::ManifestKey;
use ovseal_format::crypto::data_key::{FittingKey, Label};
use ovseal_format::footer::Footer;
use ovseal_format::layout::Layout;
use ovseal_format::manifest::Manifest;
use ovseal_format::publisher::{PublisherKey, SignError, Signatures};
use ovseal_format::statement::{self, KeyId, Statement};
use ovseal_format::suite::sha256;

use super::Header;
use crate::container::tables::Tables;

/// Encodes everything after the two tables, up to the end of the footer.
///
/// The tables can be large, so the caller writes them without a copy.
///
/// # Errors
/// [`SignError`] if a publisher's key cannot sign.
pub(super) fn encode(
    header: &Header,
    layout: &Layout,
    manifest: &Manifest,
    tables: &Tables,
    publishers: &[&PublisherKey],
) -> Result<Vec<u8>, SignError> {
    let encrypted = encrypt_manifest(&header.key, manifest);
    let statement = statement(header, layout, manifest, &encrypted, tables, publishers).encode();
    let signatures = Signatures::sign(&statement, publishers)?.encode();
    let (tags, digests) = (tables.tags.as_flattened(), tables.digests.as_flattened());
    let mut bytes = [&encrypted[..], &statement, &signatures].concat();
    bytes.extend_from_slice(&header.key.mac(Label::TrailerMac, &[tags, digests, &bytes]));
    let lengths = [tags, digests, &encrypted, &statement, &signatures].map(|section| section.len() as u64);
    let [tags_length, digests_length, manifest, statement, signatures] = lengths;
    let footer = Footer {
        trailer: layout.trailer,
        tags: tags_length,
        digests: digests_length,
        manifest,
        statement,
        signatures,
        checksum: sha256(&[tags, digests, &bytes]),
    };
    bytes.extend_from_slice(&footer.encode());
    Ok(bytes)
}

fn statement(
    header: &Header,
    layout: &Layout,
    manifest: &Manifest,
    encrypted: &[u8],
    tables: &Tables,
    publishers: &[&PublisherKey],
) -> Statement {
    let suite = header.prologue.suite;
    let mut ids: Vec<KeyId> = publishers.iter().map(|key| key.publisher().id()).collect();
    ids.sort_unstable();
    Statement {
        prologue: suite.digest(&[&header.prologue.encode()]),
        lengths: manifest.lengths(),
        root: statement::root(suite, layout, &tables.digests),
        manifest: suite.digest(&[encrypted]),
        model_id: *manifest.name.id().as_bytes(),
        security_version: manifest.security_version,
        publishers: ids,
    }
}

fn encrypt_manifest(key: &FittingKey, manifest: &Manifest) -> Vec<u8> {
    let mut bytes = manifest.encode();
    let tag = ManifestKey::new(key).encrypt(&mut bytes);
    bytes.extend_from_slice(&tag);
    bytes
}
