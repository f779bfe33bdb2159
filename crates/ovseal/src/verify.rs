//! Verifying a container: without a key its signature and digests, with one also every tag.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::container::{CheckedStatement, Container};
use crate::error::{OpenError, Section};
use crate::footer::MAC_LENGTH;
use crate::layout::Chunk;
use crate::open::{OpenOptions, Opened, Tables, check_padding};
use crate::recipient::Identity;
use crate::seal::chunk_digest;
use crate::source::read_vec;
use crate::statement::{self, KeyId};
use crate::suite::sha256;
use crate::threads;

/// What a successful verification showed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The trusted publisher who signed, if any was named.
    pub publisher: Option<KeyId>,
    /// All publishers who claim to have signed.
    pub claimed_publishers: Vec<KeyId>,
    /// The security version, which is believable only with a publisher or a key.
    pub security_version: u64,
    /// True if a key showed that the content is what its holder sealed: every MAC, the manifest,
    /// and every tag.
    ///
    /// Without a key only digests are compared. Anyone can put ciphertext of their own under a
    /// signature of their own.
    pub content_verified: bool,
}

impl OpenOptions {
    /// Verifies everything that can be verified without a key: signature, demands, and the digest of every chunk.
    ///
    /// The stanzas are not signed, since rekeying changes them: of them only damage is found.
    /// With [`Trust::AnySender`](crate::Trust::AnySender) this shows only that the container is consistent in itself.
    ///
    /// # Errors
    /// [`OpenError`]; the first check that fails.
    pub fn verify(&self, path: &Path) -> Result<Verification, OpenError> {
        self.check_usage()?;
        let container = Container::open(path)?;
        let statement = self.authenticate(&container)?;
        container.own_block()?.ok_or(OpenError::Damaged(Section::Stanzas))?;
        let tables = check_trailer(&container, &statement)?;
        check_padding(container.source.as_ref(), &statement.layout)?;
        let next = AtomicU64::new(0);
        Check { options: self, container: &container, statement: &statement, tables: &tables, next }.run()?;
        Ok(verification(&statement))
    }

    /// Verifies everything, with a key: also MACs, manifest, and digest and tag of every chunk.
    ///
    /// # Errors
    /// [`OpenError`]; the first check that fails.
    pub fn verify_with_key(
        &self,
        path: &Path,
        identities: &[&dyn Identity],
    ) -> Result<(Verification, Opened), OpenError> {
        self.check_usage()?;
        let container = Container::open(path)?;
        let opened = self.checking_digests().open_container(&container, identities)?;
        opened.parts().try_for_each(|part| part.verify())?;
        let verification = Verification {
            publisher: opened.publisher(),
            claimed_publishers: opened.claimed_publishers().to_vec(),
            security_version: opened.manifest().security_version,
            content_verified: true,
        };
        Ok((verification, opened))
    }
}

fn verification(checked: &CheckedStatement) -> Verification {
    Verification {
        publisher: checked.publisher,
        claimed_publishers: checked.statement.publishers.clone(),
        security_version: checked.statement.security_version,
        content_verified: false,
    }
}

/// What of the trailer can be checked without a key.
fn check_trailer(container: &Container, checked: &CheckedStatement) -> Result<Tables, OpenError> {
    let (footer, suite) = (&container.footer, container.prologue.suite);
    let tables = Tables::read(container).map_err(OpenError::read(Section::Trailer))?;
    let rest_length = footer.trailer_length() - footer.tags - footer.digests;
    let rest = read_vec(container.source.as_ref(), footer.manifest_offset(), rest_length)
        .map_err(OpenError::read(Section::Trailer))?;
    if sha256(&[tables.tags.as_flattened(), tables.digests.as_flattened(), &rest]) != footer.checksum {
        return Err(OpenError::Damaged(Section::Trailer));
    }
    let (manifest, rest) = rest.split_at(footer.manifest as usize);
    if statement::root(suite, &checked.layout, &tables.digests) != checked.statement.root {
        return Err(OpenError::NotAuthentic(Section::Trailer));
    }
    if suite.digest(&[manifest]) != checked.statement.manifest {
        return Err(OpenError::NotAuthentic(Section::Manifest));
    }
    if rest[..rest.len() - MAC_LENGTH] != checked.raw {
        return Err(OpenError::NotAuthentic(Section::Statement));
    }
    Ok(tables)
}

/// The digests of all chunks, checked by several threads.
struct Check<'c> {
    options: &'c OpenOptions,
    container: &'c Container,
    statement: &'c CheckedStatement,
    tables: &'c Tables,
    next: AtomicU64,
}

impl Check<'_> {
    fn run(&self) -> Result<(), OpenError> {
        let count = (self.options.threads.get() as u64).min(self.statement.layout.chunks);
        threads::run(count, || {
            let result = self.work();
            if result.is_err() {
                self.next.store(self.statement.layout.chunks, Ordering::Relaxed);
            }
            result
        })
    }

    fn work(&self) -> Result<(), OpenError> {
        let mut buffer = vec![0; self.statement.layout.chunk_size.bytes()];
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.statement.layout.chunks {
                return Ok(());
            }
            let chunk = self.statement.layout.chunk_by_number(number);
            self.check(&chunk, &mut buffer[..chunk.length])?;
        }
    }

    fn check(&self, chunk: &Chunk, data: &mut [u8]) -> Result<(), OpenError> {
        let part = format!("part {}", chunk.part);
        let position = self.statement.layout.position(chunk);
        self.container.source.read_exact_at(data, position).map_err(OpenError::read(&part))?;
        let number = chunk.number as usize;
        let digest = chunk_digest(self.container.prologue.suite, data, &self.tables.tags[number]);
        let good = digest == self.tables.digests[number];
        if !good {
            return Err(OpenError::Chunk { part, index: chunk.index });
        }
        self.options.progress.advance(chunk.length);
        Ok(())
    }
}
