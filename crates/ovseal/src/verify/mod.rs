//! Verifies a container without a key: its signature and the digest of every chunk.

use std::path::Path;

use ovseal_format::crypto::chunk;
use ovseal_format::footer::MAC_LENGTH;
use ovseal_format::statement;
use ovseal_format::suite::sha256;

use crate::container::read_at::read_vec;
use crate::container::tables::{Tables, check_padding};
use crate::container::{CheckedStatement, Container, Verification};
use crate::error::{OpenError, Section};
use crate::options::OpenOptions;
use crate::threads;

impl OpenOptions {
    /// Verifies everything that can be verified without a key: signature, requirements, and the
    /// digest of every chunk.
    ///
    /// The stanzas are not signed, because rekeying changes them. Only accidental damage to them is
    /// detected. With [`Trust::AnySender`](crate::Trust::AnySender) the result means only that the
    /// container is consistent.
    ///
    /// # Errors
    /// [`OpenError`]: the first check that fails.
    pub fn verify(&self, path: &Path) -> Result<Verification, OpenError> {
        self.requirements.check_usage()?;
        let container = Container::open(path)?;
        let checked = self.requirements.authenticate(&container)?;
        container.own_region()?.ok_or(OpenError::Damaged(Section::Stanzas))?;
        let tables = check_trailer(&container, &checked)?;
        check_padding(container.source.as_ref(), &checked.layout)?;
        check_digests(self, &container, &checked, &tables)?;
        Ok(Verification::of(&checked))
    }
}

/// Checks everything in the trailer that needs no key.
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

/// Compares the digest of every chunk, in several threads.
fn check_digests(
    options: &OpenOptions,
    container: &Container,
    checked: &CheckedStatement,
    tables: &Tables,
) -> Result<(), OpenError> {
    let layout = &checked.layout;
    let buffer = || Ok(vec![0; layout.chunk_size.bytes()]);
    threads::each(options.threads, layout.chunks, buffer, |buffer, number| {
        let chunk = layout.chunk_by_number(number);
        let data = &mut buffer[..chunk.length];
        let part = format!("part {}", chunk.part);
        let position = layout.position(&chunk);
        container.source.read_exact_at(data, position).map_err(OpenError::read(&part))?;
        let digest = chunk::digest(container.prologue.suite, data, &tables.tags[number as usize]);
        if digest != tables.digests[number as usize] {
            return Err(OpenError::Chunk { part, index: chunk.index });
        }
        options.progress.advance(chunk.length);
        Ok(())
    })
}
