//! Everything after the payload: tables, manifest, statement, signatures, MAC and footer.

use super::Header;
use super::payload::Tables;
use crate::aead::AeadProvider;
use crate::chunk::PartKey;
use crate::footer::Footer;
use crate::key::{FittingKey, Label};
use crate::layout::Layout;
use crate::manifest::Manifest;
use crate::publisher::{PublisherKey, SignError, Signatures};
use crate::statement::{self, KeyId, Statement};
use crate::suite::sha256;

/// The bytes that follow the two tables, to the end of the footer.
///
/// The tables themselves can be large and are written from where they are.
///
/// # Errors
/// [`SignError`] when a publisher's key cannot sign.
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
        model_id: manifest.name.id().0,
        security_version: manifest.security_version,
        publishers: ids,
    }
}

fn encrypt_manifest(key: &FittingKey, manifest: &Manifest) -> Vec<u8> {
    let mut bytes = manifest.encode();
    let manifest_key = manifest_key(key);
    let (aead, nonce) = manifest_key.whole();
    let tag = aead.seal(nonce, &[], &mut bytes);
    bytes.extend_from_slice(&tag);
    bytes
}

/// The key of the manifest.
pub(crate) fn manifest_key(key: &FittingKey) -> PartKey {
    let secret = ovseal_memory::Secret::<44>::from_fn(|bytes| key.derive(Label::Manifest, bytes));
    PartKey::from_secret(secret.expose(), AeadProvider::AwsLc)
}
