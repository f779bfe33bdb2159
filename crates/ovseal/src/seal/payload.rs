//! Encrypting all chunks with several threads and bounded memory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ovseal_format::crypto::aead::Tag;
use ovseal_format::crypto::chunk::{self, PartKey};
use ovseal_format::layout::{Chunk, Layout};
use ovseal_format::suite::Digest;
use ovseal_memory::ModelMemory;
use rustix::fs::FallocateFlags;

use super::{Header, SealError, SealOptions};
use crate::model::{Model, Source, SourceReader};
use crate::threads;

/// Tags and digests of all chunks, in the order of the payload.
pub(super) struct Tables {
    pub(super) tags: Vec<Tag>,
    pub(super) digests: Vec<Digest>,
}

/// Encrypts every chunk of `model` into its place in `file`.
///
/// Memory is bounded by one chunk for each thread and 48 bytes for each chunk of the model.
pub(super) fn seal(
    options: &SealOptions<'_>,
    model: &Model,
    header: &Header,
    layout: &Layout,
    file: &File,
) -> Result<Tables, SealError> {
    reserve(file, layout)?;
    let chunks = layout.chunks as usize;
    let job = Job {
        options,
        model,
        header,
        layout,
        file,
        next: AtomicU64::new(0),
        tables: Mutex::new(Tables {
            tags: vec![Tag::default(); chunks],
            digests: vec![Digest::default(); chunks],
        }),
    };
    job.run()?;
    for (_, source) in &model.parts {
        source.open().map_err(|error| read_error(source, error))?;
    }
    Ok(job.tables.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Takes the room on the disk at once, so that a full disk is noticed before the work is done.
fn reserve(file: &File, layout: &Layout) -> Result<(), SealError> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, layout.trailer) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            file.set_len(layout.trailer).map_err(SealError::Write)
        }
        Err(error) => Err(SealError::Write(error.into())),
    }
}

/// What all worker threads share.
struct Job<'j> {
    options: &'j SealOptions<'j>,
    model: &'j Model,
    header: &'j Header,
    layout: &'j Layout,
    file: &'j File,
    next: AtomicU64,
    tables: Mutex<Tables>,
}

impl Job<'_> {
    fn run(&self) -> Result<(), SealError> {
        threads::run((self.options.threads.get() as u64).min(self.layout.chunks), || self.work())
    }

    /// Seals chunks until none is left; after an error the other workers find none either.
    fn work(&self) -> Result<(), SealError> {
        let result = self.seal_chunks();
        if result.is_err() {
            self.next.store(self.layout.chunks, Ordering::Relaxed);
        }
        result
    }

    fn seal_chunks(&self) -> Result<(), SealError> {
        let largest = self.layout.parts.iter().map(|part| part.length).max().unwrap_or(0);
        let mut buffer = ModelMemory::zeroed(largest.min(self.layout.chunk_size.bytes() as u64) as usize)?;
        let mut current: Option<Part<'_>> = None;
        while let Some(chunk) = self.next_chunk() {
            let part = match current.take().filter(|part| part.number == chunk.part) {
                Some(part) => part,
                None => self.part(chunk.part)?,
            };
            self.seal_chunk(&part, &chunk, &mut buffer[..chunk.length])?;
            current = Some(part);
            if (self.options.progress)(chunk.length as u64).is_break() {
                return Err(SealError::Cancelled);
            }
        }
        Ok(())
    }

    fn next_chunk(&self) -> Option<Chunk> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.layout.chunks).then(|| self.layout.chunk_by_number(number))
    }

    fn part(&self, number: u32) -> Result<Part<'_>, SealError> {
        let source = &self.model.parts[number as usize].1;
        let reader = source.open().map_err(|error| read_error(source, error))?;
        Ok(Part {
            number,
            source,
            reader,
            key: PartKey::new(&self.header.key, number, self.options.provider),
        })
    }

    fn seal_chunk(&self, part: &Part<'_>, chunk: &Chunk, data: &mut [u8]) -> Result<(), SealError> {
        part.reader.read_exact_at(data, chunk.start).map_err(|error| read_error(part.source, error))?;
        let tag = part.key.encrypt(chunk, data);
        let digest = chunk::digest(self.header.prologue.suite, data, &tag);
        self.file.write_all_at(data, self.layout.position(chunk)).map_err(SealError::Write)?;
        let mut tables = self.tables.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        tables.tags[chunk.number as usize] = tag;
        tables.digests[chunk.number as usize] = digest;
        Ok(())
    }
}

/// The part on which a worker is.
struct Part<'j> {
    number: u32,
    source: &'j Source,
    reader: SourceReader,
    key: PartKey,
}

fn read_error(source: &Source, error: std::io::Error) -> SealError {
    SealError::Read { path: source.path().into(), source: error }
}
