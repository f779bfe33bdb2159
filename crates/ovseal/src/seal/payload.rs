//! Encrypts all chunks with several threads and bounded memory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use ovseal_format::crypto::aead::Tag;
use ovseal_format::crypto::chunk::{self, PartKey};
use ovseal_format::layout::{Chunk, Layout};
use ovseal_format::suite::Digest;
use ovseal_memory::ModelMemory;
use rustix::fs::FallocateFlags;

use super::{Header, SealError, SealOptions};
use crate::container::tables::Tables;
use crate::model::{Model, Source, SourceReader};
use crate::threads::{self, lock};

/// Encrypts every chunk of `model` into its place in `file`, and returns the tags and digests.
///
/// Uses memory for one chunk in each thread, and 48 bytes for each chunk of the model.
pub(super) fn encrypt(
    options: &SealOptions<'_>,
    model: &Model,
    header: &Header,
    layout: &Layout,
    file: &File,
) -> Result<Tables, SealError> {
    reserve(file, layout)?;
    let count = layout.chunks as usize;
    let tables = Tables { tags: vec![Tag::default(); count], digests: vec![Digest::default(); count] };
    let job = Job { options, model, header, layout, file, tables: Mutex::new(tables) };
    threads::each(
        options.threads,
        layout.chunks,
        || job.worker(),
        |worker, number| job.encrypt_chunk(worker, &layout.chunk_by_number(number)),
    )?;
    ensure_unchanged(model)?;
    Ok(std::mem::take(&mut *lock(&job.tables)))
}

/// Reserves disk space for the payload, so that a full disk is noticed at the start.
fn reserve(file: &File, layout: &Layout) -> Result<(), SealError> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, layout.trailer) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            file.set_len(layout.trailer).map_err(SealError::Write)
        }
        Err(error) => Err(SealError::Write(error.into())),
    }
}

/// Fails if a file of the model was written, replaced or truncated since the model was found.
///
/// Each thread checks a file when it opens it. Only this check finds a later write.
fn ensure_unchanged(model: &Model) -> Result<(), SealError> {
    model.parts.iter().try_for_each(|(_, source)| open(source).map(drop))
}

fn open(source: &Source) -> Result<SourceReader, SealError> {
    source.open().map_err(|error| read_error(source, error))
}

fn read_error(source: &Source, error: std::io::Error) -> SealError {
    SealError::Read { path: source.path().into(), source: error }
}

/// The state that all threads share.
struct Job<'j> {
    options: &'j SealOptions<'j>,
    model: &'j Model,
    header: &'j Header,
    layout: &'j Layout,
    file: &'j File,
    tables: Mutex<Tables>,
}

/// The buffer of one thread, and the part whose chunks it encrypts.
struct Worker<'j> {
    buffer: ModelMemory,
    part: Option<Part<'j>>,
}

/// An open part.
struct Part<'j> {
    number: u32,
    source: &'j Source,
    reader: SourceReader,
    key: PartKey,
}

impl<'j> Job<'j> {
    fn worker(&self) -> Result<Worker<'j>, SealError> {
        let longest = self.layout.parts.iter().map(|part| part.length).max().unwrap_or(0);
        let length = longest.min(self.layout.chunk_size.bytes() as u64) as usize;
        Ok(Worker { buffer: ModelMemory::zeroed(length)?, part: None })
    }

    fn encrypt_chunk(&self, worker: &mut Worker<'j>, chunk: &Chunk) -> Result<(), SealError> {
        let part = match worker.part.take().filter(|part| part.number == chunk.part) {
            Some(part) => part,
            None => self.open_part(chunk.part)?,
        };
        let part = worker.part.insert(part);
        let data = &mut worker.buffer[..chunk.length];
        part.reader.read_exact_at(data, chunk.start).map_err(|error| read_error(part.source, error))?;
        let tag = part.key.encrypt(chunk, data);
        self.file.write_all_at(data, self.layout.position(chunk)).map_err(SealError::Write)?;
        self.record(chunk, tag, chunk::digest(self.header.prologue.suite, data, &tag));
        match (self.options.progress)(chunk.length as u64).is_break() {
            true => Err(SealError::Cancelled),
            false => Ok(()),
        }
    }

    fn open_part(&self, number: u32) -> Result<Part<'j>, SealError> {
        let source = &self.model.parts[number as usize].1;
        let key = PartKey::new(&self.header.key, number, self.options.provider);
        Ok(Part { number, source, reader: open(source)?, key })
    }

    fn record(&self, chunk: &Chunk, tag: Tag, digest: Digest) {
        let mut tables = lock(&self.tables);
        tables.tags[chunk.number as usize] = tag;
        tables.digests[chunk.number as usize] = digest;
    }
}
