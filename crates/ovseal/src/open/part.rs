//! Reading a part: whole and in parallel, or any range of it.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ovseal_format::crypto::chunk::{self, PartKey};
use ovseal_format::layout::Chunk;
use ovseal_format::manifest::PartEntry;
use ovseal_memory::{ModelMemory, populate};
use zeroize::Zeroize;

use super::opened::Inner;
use crate::error::OpenError;
use crate::threads;

/// One part of an opened container.
///
/// Nothing is handed out before its tag is checked, and its digest too when a publisher was named.
#[derive(Clone)]
pub struct Part {
    pub(super) inner: Arc<Inner>,
    pub(super) number: usize,
    /// Derived when the first chunk is opened: listing parts costs nothing.
    key: Arc<OnceLock<PartKey>>,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({})", self.entry().path)
    }
}

/// Chunks of a part that still have to be decrypted, each with its place in the destination.
type Queue<'b> = Mutex<std::iter::Zip<Range<u64>, std::slice::ChunksMut<'b, u8>>>;

impl Part {
    pub(super) fn new(inner: Arc<Inner>, number: usize) -> Self {
        Self { inner, number, key: Arc::default() }
    }

    /// What the manifest says of it.
    pub fn entry(&self) -> &PartEntry {
        &self.inner.manifest.parts[self.number]
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.entry().length
    }

    /// The parts that this topology needs.
    pub fn companions(&self) -> impl ExactSizeIterator<Item = Self> + '_ {
        self.entry().companions.iter().map(|&number| Self::new(self.inner.clone(), number))
    }

    /// Decrypts the whole part into memory of its own, with several threads.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] when a chunk is not authentic; no byte is handed out then.
    pub fn read(&self) -> Result<ModelMemory, OpenError> {
        let length = usize::try_from(self.length()).map_err(|_| self.out_of_range(0, self.length()))?;
        let mut memory = ModelMemory::zeroed(length)?;
        self.read_into(&mut memory)?;
        Ok(memory)
    }

    /// Decrypts the whole part into `buffer`, which must have its length, with several threads.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] when a chunk is not authentic; `buffer` is zeroized then, as after any other error.
    pub fn read_into(&self, buffer: &mut [u8]) -> Result<(), OpenError> {
        if buffer.len() as u64 != self.length() {
            return Err(self.out_of_range(0, buffer.len() as u64));
        }
        let mut guard = WipeUnlessKept::new(buffer);
        self.fill(guard.buffer)?;
        guard.keep();
        Ok(())
    }

    /// Decrypts the bytes from `offset` on into `buffer`; only the chunks that it touches are read.
    ///
    /// Each call reads the file and checks what it reads; nothing is remembered from one call to the next. Unless a
    /// publisher was named, a file that changes in between can show two contents that both pass. Use
    /// [`read`](Self::read) or [`map`](Self::map) where one must stay.
    ///
    /// # Errors
    /// [`OpenError::OutOfRange`] beyond the end of the part, [`OpenError::Chunk`] when a touched chunk is not authentic;
    /// `buffer` is zeroized then.
    pub fn read_range(&self, offset: u64, buffer: &mut [u8]) -> Result<(), OpenError> {
        let length = buffer.len() as u64;
        if offset.checked_add(length).is_none_or(|end| end > self.length()) {
            return Err(self.out_of_range(offset, offset.saturating_add(length)));
        }
        let mut guard = WipeUnlessKept::new(buffer);
        self.fill_range(offset, guard.buffer)?;
        guard.keep();
        Ok(())
    }

    /// Decrypts one chunk into `data`, which has its length; `data` is unspecified after an error.
    pub(super) fn open_chunk_by_index(&self, index: u64, data: &mut [u8]) -> Result<(), OpenError> {
        self.open_chunk(&self.chunk(index), data)
    }

    /// Decrypts a chunk again, for a caller who compares it with what it was before.
    pub(super) fn reopen_chunk_by_index(&self, index: u64, data: &mut [u8]) -> Result<(), OpenError> {
        self.open_checked(&self.chunk(index), data, false)
    }

    /// Says that the chunk with this number is not authentic.
    pub(super) fn bad_chunk_at(&self, index: u64) -> OpenError {
        self.bad_chunk(&self.chunk(index))
    }

    /// Bytes in each chunk but the last.
    pub(super) fn chunk_size(&self) -> usize {
        self.inner.layout.chunk_size.bytes()
    }

    /// How many threads decrypt the whole part.
    pub(super) fn thread_count(&self) -> usize {
        self.inner.threads.get()
    }

    /// Opens every chunk with several threads, and keeps nothing.
    pub(crate) fn verify(&self) -> Result<(), OpenError> {
        let chunks = self.inner.layout.parts[self.number].chunks;
        let next = AtomicU64::new(0);
        threads::run((self.inner.threads.get() as u64).min(chunks), || {
            let mut buffer = ModelMemory::zeroed(self.chunk(0).length)?;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= chunks {
                    return Ok(());
                }
                let chunk = self.chunk(index);
                // After an error the other workers find no chunk left.
                self.open_chunk(&chunk, &mut buffer[..chunk.length])
                    .inspect_err(|_| next.store(chunks, Ordering::Relaxed))?;
            }
        })
    }

    fn fill(&self, buffer: &mut [u8]) -> Result<(), OpenError> {
        let chunks = self.inner.layout.parts[self.number].chunks;
        let threads = (self.inner.threads.get() as u64).min(chunks);
        if buffer.is_empty() {
            return self.open_chunk(&self.chunk(0), buffer);
        }
        let queue = Mutex::new((0..chunks).zip(buffer.chunks_mut(self.inner.layout.chunk_size.bytes())));
        threads::run(threads, || self.drain(&queue))
    }

    fn drain(&self, queue: &Queue<'_>) -> Result<(), OpenError> {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, data)) = next else { return Ok(()) };
            // Mostly it is fresh memory.
            populate(data);
            if let Err(error) = self.open_chunk(&self.chunk(index), data) {
                // The other workers need not go on.
                queue.lock().unwrap_or_else(PoisonError::into_inner).by_ref().for_each(drop);
                return Err(error);
            }
        }
    }

    fn fill_range(&self, offset: u64, buffer: &mut [u8]) -> Result<(), OpenError> {
        let mut rest = buffer;
        let end = offset + rest.len() as u64;
        for index in self.inner.layout.chunks_of_range(offset, rest.len() as u64) {
            let chunk = self.chunk(index);
            let from = offset.max(chunk.start);
            let to = end.min(chunk.start + chunk.length as u64);
            let (wanted, after) = rest.split_at_mut((to - from) as usize);
            if wanted.len() == chunk.length {
                self.open_chunk(&chunk, wanted)?;
            } else {
                self.copy_from_chunk(&chunk, (from - chunk.start) as usize, wanted)?;
            }
            rest = after;
        }
        Ok(())
    }

    fn copy_from_chunk(&self, chunk: &Chunk, start: usize, wanted: &mut [u8]) -> Result<(), OpenError> {
        self.inner.scratch.lend(self.inner.layout.chunk_size.bytes(), |buffer| {
            self.open_chunk(chunk, &mut buffer[..chunk.length])?;
            wanted.copy_from_slice(&buffer[start..start + wanted.len()]);
            Ok(())
        })
    }

    /// Decrypts a chunk whose digest is compared where a publisher was named.
    fn open_chunk(&self, chunk: &Chunk, data: &mut [u8]) -> Result<(), OpenError> {
        self.open_checked(chunk, data, self.inner.publisher.is_some() || self.inner.checks_digests)
    }

    /// Reads a chunk's ciphertext into its place, checks the digest over it, and decrypts it there.
    fn open_checked(&self, chunk: &Chunk, data: &mut [u8], checks_digest: bool) -> Result<(), OpenError> {
        let inner = &self.inner;
        let position = inner.layout.position(chunk);
        inner.source.read_exact_at(data, position).map_err(OpenError::read(&self.entry().path))?;
        let tag = &inner.tables.tags[chunk.number as usize];
        if checks_digest {
            let digest = chunk::digest(inner.prologue.suite, data, tag);
            if digest != inner.tables.digests[chunk.number as usize] {
                return Err(self.bad_chunk(chunk));
            }
        }
        self.key().decrypt(chunk, tag, data).map_err(|_| self.bad_chunk(chunk))?;
        inner.progress.advance(chunk.length);
        Ok(())
    }

    pub(super) fn key(&self) -> &PartKey {
        self.key.get_or_init(|| PartKey::new(&self.inner.key, self.number as u32, self.inner.provider))
    }

    pub(super) fn chunk(&self, index: u64) -> Chunk {
        self.inner.layout.chunk(self.number, index)
    }

    fn bad_chunk(&self, chunk: &Chunk) -> OpenError {
        OpenError::Chunk { part: self.entry().path.to_string(), index: chunk.index }
    }

    fn out_of_range(&self, offset: u64, end: u64) -> OpenError {
        OpenError::OutOfRange { part: self.entry().path.clone(), offset, end }
    }
}

/// Zeroizes a buffer that is filled only in part: after an error, and also when a source of the caller's panics.
struct WipeUnlessKept<'b> {
    buffer: &'b mut [u8],
    is_kept: bool,
}

impl<'b> WipeUnlessKept<'b> {
    fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, is_kept: false }
    }

    fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for WipeUnlessKept<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.buffer.zeroize();
        }
    }
}
