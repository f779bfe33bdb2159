//! Verifying a container: without a key its signature and digests, with one also every tag.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use ovseal_format::crypto::chunk;
use ovseal_format::footer::MAC_LENGTH;
use ovseal_format::layout::Chunk;
use ovseal_format::statement;
use ovseal_format::suite::sha256;

use crate::container::read_at::read_vec;
use crate::container::tables::{Tables, check_padding};
use crate::container::{CheckedStatement, Container, Verification};
use crate::error::{OpenError, Section};
use crate::options::OpenOptions;
use crate::threads;

impl OpenOptions {
    /// Verifies everything that can be verified without a key: signature, demands, and the digest of every chunk.
    ///
    /// The stanzas are not signed, since rekeying changes them: of them only damage is found.
    /// With [`Trust::AnySender`](crate::Trust::AnySender) this shows only that the container is consistent in itself.
    ///
    /// # Errors
    /// [`OpenError`]; the first check that fails.
    pub fn verify(&self, path: &Path) -> Result<Verification, OpenError> {
        self.requirements.check_usage()?;
        let container = Container::open(path)?;
        let statement = self.requirements.authenticate(&container)?;
        container.own_region()?.ok_or(OpenError::Damaged(Section::Stanzas))?;
        let tables = check_trailer(&container, &statement)?;
        check_padding(container.source.as_ref(), &statement.layout)?;
        let next = AtomicU64::new(0);
        Check { options: self, container: &container, statement: &statement, tables: &tables, next }.run()?;
        Ok(Verification::of(&statement, false))
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
        let digest = chunk::digest(self.container.prologue.suite, data, &self.tables.tags[number]);
        let good = digest == self.tables.digests[number];
        if !good {
            return Err(OpenError::Chunk { part, index: chunk.index });
        }
        self.options.progress.advance(chunk.length);
        Ok(())
    }
}
