//! Verifying a container: without a key its signature and digests, with one also every tag.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use ovseal_memory::ModelMemory;

use crate::aead::Tag;
use crate::container::{Container, Verified};
use crate::error::{OpenError, Section};
use crate::footer::MAC_LENGTH;
use crate::layout::{Chunk, TAG_LENGTH};
use crate::open::{OpenOptions, Opened, check_padding};
use crate::recipient::Identity;
use crate::seal::chunk_digest;
use crate::source::read_vec;
use crate::statement::{self, KeyId};
use crate::suite::{Digest, sha256};
use crate::threads;

/// What a successful verification showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The trusted publisher who signed, if any was named.
    pub publisher: Option<KeyId>,
    /// All publishers who claim to have signed.
    pub claimed_publishers: Vec<KeyId>,
    /// The security version, which is believable only with a publisher or a key.
    pub security_version: u64,
}

impl OpenOptions {
    /// Verifies everything that can be verified without a key: signature, demands, and the digest of every chunk.
    ///
    /// With [`Trust::AnySender`](crate::Trust::AnySender) this shows only that the container is consistent in itself.
    ///
    /// # Errors
    /// [`OpenError`]; the first check that fails.
    pub fn verify(&self, path: &Path) -> Result<Verification, OpenError> {
        let container = Container::open(path)?;
        let verified = self.authenticate(&container)?;
        container.stanza_blocks()?;
        let tables = check_trailer(&container, &verified)?;
        check_padding(container.source.as_ref(), &verified.layout)?;
        Check { container: &container, verified: &verified, tables: &tables, next: AtomicU64::new(0) }
            .run()?;
        Ok(verification(&verified))
    }

    /// Verifies everything, with a key: also MACs, manifest and the tag of every chunk.
    ///
    /// # Errors
    /// [`OpenError`]; the first check that fails.
    pub fn verify_with_key(
        &self,
        path: &Path,
        identities: &[&dyn Identity],
    ) -> Result<(Verification, Opened), OpenError> {
        let verification = self.verify(path)?;
        let opened = self.open(path, identities)?;
        for part in opened.parts() {
            let size = opened.chunk_size().bytes() as u64;
            let mut buffer = ModelMemory::zeroed(size.min(part.length()) as usize)?;
            let mut offset = 0;
            while offset < part.length() {
                let length = size.min(part.length() - offset) as usize;
                part.read_range(offset, &mut buffer[..length])?;
                offset += length as u64;
            }
            if part.length() == 0 {
                part.read_into(&mut [])?;
            }
        }
        Ok((verification, opened))
    }
}

fn verification(verified: &Verified) -> Verification {
    Verification {
        publisher: verified.publisher,
        claimed_publishers: verified.statement.publishers.clone(),
        security_version: verified.statement.security_version,
    }
}

struct PublicTables {
    tags: Vec<u8>,
    digests: Vec<Digest>,
}

/// What of the trailer can be checked without a key.
fn check_trailer(container: &Container, verified: &Verified) -> Result<PublicTables, OpenError> {
    let footer = &container.footer;
    let bytes = read_vec(container.source.as_ref(), footer.trailer, footer.trailer_length())
        .map_err(OpenError::read(Section::Trailer))?;
    if sha256(&[&bytes]) != footer.checksum {
        return Err(OpenError::Damaged(Section::Trailer));
    }
    let (tags, rest) = bytes.split_at(footer.tags as usize);
    let (digests, rest) = rest.split_at(footer.digests as usize);
    let (manifest, rest) = rest.split_at(footer.manifest as usize);
    let suite = container.prologue.suite;
    let digests: Vec<Digest> = digests.as_chunks().0.to_vec();
    if statement::root(suite, &verified.layout, &digests) != verified.statement.root {
        return Err(OpenError::NotAuthentic(Section::Trailer));
    }
    if suite.digest(&[manifest]) != verified.statement.manifest {
        return Err(OpenError::NotAuthentic(Section::Manifest));
    }
    if rest[..rest.len() - MAC_LENGTH] != verified.raw {
        return Err(OpenError::NotAuthentic(Section::Statement));
    }
    Ok(PublicTables { tags: tags.to_vec(), digests })
}

/// The digests of all chunks, checked by several threads.
struct Check<'c> {
    container: &'c Container,
    verified: &'c Verified,
    tables: &'c PublicTables,
    next: AtomicU64,
}

impl Check<'_> {
    fn run(&self) -> Result<(), OpenError> {
        let count = (threads::default_count().get() as u64).min(self.verified.layout.chunks);
        threads::run(count, || {
            let result = self.work();
            if result.is_err() {
                self.next.store(self.verified.layout.chunks, Ordering::Relaxed);
            }
            result
        })
    }

    fn work(&self) -> Result<(), OpenError> {
        let mut buffer = vec![0; self.verified.layout.chunk_size.bytes()];
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.verified.layout.chunks {
                return Ok(());
            }
            let chunk = self.verified.layout.chunk_by_number(number);
            self.check(&chunk, &mut buffer[..chunk.length])?;
        }
    }

    fn check(&self, chunk: &Chunk, data: &mut [u8]) -> Result<(), OpenError> {
        let part = format!("part {}", chunk.part);
        let position = self.verified.layout.position(chunk);
        self.container.source.read_exact_at(data, position).map_err(OpenError::read(&part))?;
        let at = chunk.number as usize * TAG_LENGTH;
        let mut tag = Tag::default();
        tag.copy_from_slice(&self.tables.tags[at..at + TAG_LENGTH]);
        let digest = chunk_digest(self.container.prologue.suite, data, &tag);
        let good = digest == self.tables.digests[chunk.number as usize];
        if good { Ok(()) } else { Err(OpenError::Chunk { part, index: chunk.index }) }
    }
}
