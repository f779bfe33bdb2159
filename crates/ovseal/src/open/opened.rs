//! An opened container: its manifest is authentic, and its parts can be read.

use std::num::NonZeroUsize;
use std::sync::Arc;

use ovseal_format::crypto::aead::{AeadProvider, Tag};
use ovseal_format::crypto::chunk::ManifestKey;
use ovseal_format::crypto::data_key::{FittingKey, Label};
use ovseal_format::footer::MAC_LENGTH;
use ovseal_format::layout::{ChunkSize, Layout, TAG_LENGTH};
use ovseal_format::manifest::Manifest;
use ovseal_format::prologue::{ContainerId, Prologue};
use ovseal_format::recipient::{CacheKey, Origin};
use ovseal_format::statement::{self, KeyId};
use ovseal_format::suite::{Digest, sha256};
use ovseal_memory::LateFailureHandler;

use super::scratch::Scratch;
use crate::byte_callback::ByteCallback;
use crate::container::inspect::Inspection;
use crate::container::read_at::{ReadAt, read_vec};
use crate::container::tables::{Tables, check_padding};
use crate::container::{CheckedStatement, Container, Verification};
use crate::device_secret::DeviceSecret;
use crate::error::{OpenError, Section};
use crate::options::OpenOptions;
use crate::rollback::RollbackState;
use crate::unlock::Unlocked;

/// An opened container.
///
/// It can be shared between threads and uses 48 bytes of memory per chunk. Its keys are zeroized
/// when the last clone is dropped.
#[derive(Clone)]
pub struct Opened(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) source: Arc<dyn ReadAt>,
    pub(super) prologue: Prologue,
    pub(super) layout: Layout,
    pub(super) manifest: Manifest,
    pub(super) tables: Tables,
    pub(super) key: FittingKey,
    pub(super) publisher: Option<KeyId>,
    /// SHA-256 of the statement, without its signatures.
    statement_digest: Digest,
    inspection: Inspection,
    stanza: Option<usize>,
    pub(super) threads: NonZeroUsize,
    pub(super) provider: AeadProvider,
    /// The state, and the publishers that the caller specified for this model.
    rollback: Option<(RollbackState, Vec<KeyId>)>,
    /// True if digests are compared even though no publisher was specified.
    pub(super) checks_digests: bool,
    pub(super) progress: ByteCallback,
    pub(super) on_late_failure: LateFailureHandler,
    pub(super) memory_budget: Option<u64>,
    pub(super) scratch: Scratch,
}

impl Inner {
    /// Returns true if each chunk's digest is compared before the chunk is decrypted.
    pub(super) fn compares_digests(&self) -> bool {
        self.publisher.is_some() || self.checks_digests
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({:?})", self.0.prologue.container_id)
    }
}

impl Opened {
    pub(super) fn new(
        options: &OpenOptions,
        container: &Container,
        verified: CheckedStatement,
        unlocked: Unlocked,
    ) -> Result<Self, OpenError> {
        let requirements = &options.requirements;
        let (key, model) = (unlocked.key, verified.statement.model());
        let (tables, encrypted) = read_trailer(container, &verified, &key)?;
        let manifest = decrypt_manifest(&key, encrypted)
            .and_then(|bytes| Manifest::parse(&bytes, &verified.statement))
            .ok_or(OpenError::NotAuthentic(Section::Manifest))?;
        check_padding(container.source.as_ref(), &verified.layout)?;
        let statement_digest = sha256(&[&verified.raw[..container.footer.statement as usize]]);
        let inspection =
            Inspection::new(container, &verified.statement, &unlocked.region, unlocked.side.as_ref());
        Ok(Self(Arc::new(Inner {
            source: container.source.clone(),
            prologue: container.prologue.clone(),
            layout: verified.layout,
            manifest,
            tables,
            key,
            publisher: verified.publisher,
            statement_digest,
            inspection,
            stanza: unlocked.stanza,
            threads: options.threads,
            provider: options.provider,
            rollback: requirements
                .rollback
                .clone()
                .map(|state| (state, requirements.trust.publishers_of(model))),
            checks_digests: options.checks_digests,
            progress: options.progress.clone(),
            on_late_failure: options.on_late_failure,
            memory_budget: options.memory_budget,
            scratch: Scratch::default(),
        })))
    }

    /// Returns the authentic description of the model.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Returns the limit of [`OpenOptions::memory_budget`](crate::OpenOptions::memory_budget).
    pub fn memory_budget(&self) -> Option<u64> {
        self.0.memory_budget
    }

    /// Returns the number, from 0, of the stanza that held the key, or `None` if the stanza was in
    /// the side file.
    pub fn stanza(&self) -> Option<usize> {
        self.0.stanza
    }

    /// Returns the trusted publisher who signed, if any was specified.
    pub fn publisher(&self) -> Option<KeyId> {
        self.0.publisher
    }

    /// Returns all publishers who claim to have signed. Only [`publisher`](Self::publisher) was
    /// checked.
    pub fn claimed_publishers(&self) -> &[KeyId] {
        &self.0.inspection.publishers
    }

    /// Returns the result of a verification with a key. The caller has verified every part.
    pub(super) fn verification(&self) -> Verification {
        Verification {
            publisher: self.0.publisher,
            claimed_publishers: self.0.inspection.publishers.clone(),
            security_version: self.0.manifest.security_version,
            content_verified: true,
        }
    }

    /// Returns the same facts as [`Inspection::of`]. Here the key has authenticated everything
    /// except the publishers.
    pub fn inspection(&self) -> Inspection {
        self.0.inspection.clone()
    }

    /// Returns the container's random name.
    pub fn container_id(&self) -> ContainerId {
        self.0.prologue.container_id
    }

    /// Raises the rollback state, if there is one, to this container's security version.
    ///
    /// The state is raised for all publishers specified for this model. Call this after the model
    /// has loaded completely: a version with a damaged payload must not lock out one that works.
    ///
    /// # Errors
    /// [`OpenError::Rollback`] if the state cannot be written, [`OpenError::SecurityVersion`] if
    /// another process has accepted a newer version in the meantime.
    pub fn accept(&self) -> Result<(), OpenError> {
        let Some((state, named)) = &self.0.rollback else { return Ok(()) };
        let found = self.0.manifest.security_version;
        let floor = state.raise(named, self.0.manifest.name.id(), found)?;
        if found < floor { Err(OpenError::SecurityVersion { found, floor }) } else { Ok(()) }
    }

    /// Derives a key for data computed from this container on this device, such as a compiled
    /// model.
    ///
    /// The key is derived from the data key, the device's secret, the statement, and `fields`: the
    /// names and values of everything else that the result depends on. The key also depends on
    /// whether digests are compared, because without a publisher another recipient can forge chunks
    /// (`docs/format.md` §4.4).
    pub fn cache_key(&self, device: &DeviceSecret, fields: &[(&str, &[u8])]) -> CacheKey {
        let inner = &self.0;
        let origin = Origin {
            container_id: inner.prologue.container_id,
            statement_digest: inner.statement_digest,
            checks_digests: inner.compares_digests(),
        };
        CacheKey::derive(inner.key.data_key(), &device.expose(), &origin, fields)
    }

    /// Returns the size of a chunk. Reading whole chunks is cheapest.
    pub fn chunk_size(&self) -> ChunkSize {
        self.0.layout.chunk_size
    }
}

/// Reads the trailer and checks everything that covers it.
fn read_trailer(
    container: &Container,
    verified: &CheckedStatement,
    key: &FittingKey,
) -> Result<(Tables, Vec<u8>), OpenError> {
    let footer = &container.footer;
    let source = container.source.as_ref();
    let read = |offset, length| read_vec(source, offset, length).map_err(OpenError::read(Section::Trailer));
    let mac_at = footer.statement_offset() + footer.statement + footer.signatures;
    let mac = read(mac_at, MAC_LENGTH as u64)?;
    if footer.tags + footer.digests > PIECE {
        check_mac_in_pieces(container, verified, key, &mac)?;
    }
    let tables = Tables::read(container).map_err(OpenError::read(Section::Trailer))?;
    let encrypted = read(footer.manifest_offset(), footer.manifest)?;
    let (tags, digests) = (tables.tags.as_flattened(), tables.digests.as_flattened());
    let sections = [tags, digests, &encrypted, &verified.raw, &mac];
    let unsound = !key.mac_is(Label::TrailerMac, &sections[..4], &mac)
        || (sha256(&sections) != footer.checksum && !ovseal_format::WITHOUT_AUTHENTICATION);
    let suite = container.prologue.suite;
    let root = statement::root(suite, &verified.layout, &tables.digests);
    if unsound || (root != verified.statement.root && !ovseal_format::WITHOUT_AUTHENTICATION) {
        return Err(OpenError::NotAuthentic(Section::Trailer));
    }
    if suite.digest(&[&encrypted]) != verified.statement.manifest && !ovseal_format::WITHOUT_AUTHENTICATION {
        return Err(OpenError::NotAuthentic(Section::Manifest));
    }
    Ok((tables, encrypted))
}

/// Maximum length of tables that are read at once. Longer tables are first read in pieces of this
/// length.
const PIECE: u64 = 1 << 20;

/// Checks the MAC of the trailer with little memory, before memory is allocated for the tables.
///
/// Without this, a sparse file of a few KiB could make a reader allocate 768 MiB.
fn check_mac_in_pieces(
    container: &Container,
    verified: &CheckedStatement,
    key: &FittingKey,
    mac: &[u8],
) -> Result<(), OpenError> {
    let mut begun = key.begin_mac(Label::TrailerMac);
    let end = container.footer.statement_offset();
    let mut offset = container.footer.trailer;
    let mut piece = vec![0; PIECE as usize];
    while offset < end {
        let length = PIECE.min(end - offset) as usize;
        let read = container.source.read_exact_at(&mut piece[..length], offset);
        read.map_err(OpenError::read(Section::Trailer))?;
        begun.update(&piece[..length]);
        offset += length as u64;
    }
    begun.update(&verified.raw);
    if begun.is(mac) { Ok(()) } else { Err(OpenError::NotAuthentic(Section::Trailer)) }
}

fn decrypt_manifest(key: &FittingKey, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let tag: Tag = *bytes.last_chunk::<TAG_LENGTH>()?;
    bytes.truncate(bytes.len() - TAG_LENGTH);
    if ovseal_format::WITHOUT_AUTHENTICATION {
        return Some(bytes);
    }
    ManifestKey::new(key).decrypt(&tag, &mut bytes).ok()?;
    Some(bytes)
}
