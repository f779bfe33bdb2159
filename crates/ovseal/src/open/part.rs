//! Reads a part: whole and in parallel, or any range of it.

use std::sync::{Arc, Mutex, OnceLock};

use ovseal_format::crypto::chunk::{self, PartKey};
use ovseal_format::layout::Chunk;
use ovseal_format::manifest::PartEntry;
use ovseal_memory::{ModelMemory, populate};
use zeroize::Zeroize;

use super::opened::{Inner, Opened};
use crate::error::OpenError;
use crate::threads::{self, lock};

/// One part of an opened container.
///
/// No byte is returned until its chunk's tag has been checked, and its digest if a publisher was
/// specified.
#[derive(Clone)]
pub struct Part {
    pub(super) inner: Arc<Inner>,
    pub(super) number: usize,
    /// Derived when the first chunk is decrypted, so that listing parts derives no key.
    key: Arc<OnceLock<PartKey>>,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({})", self.entry().path)
    }
}

impl Opened {
    /// Returns the part with this path.
    ///
    /// # Errors
    /// [`OpenError::NoSuchPart`].
    pub fn part(&self, path: &str) -> Result<Part, OpenError> {
        let number = self.0.manifest.parts.iter().position(|part| part.path.as_str() == path);
        number
            .map(|number| Part::new(self.0.clone(), number))
            .ok_or_else(|| OpenError::NoSuchPart(path.to_owned()))
    }

    /// Returns all parts, in the order of the container.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = Part> + '_ {
        (0..self.0.manifest.parts.len()).map(|number| Part::new(self.0.clone(), number))
    }
}

impl Part {
    fn new(inner: Arc<Inner>, number: usize) -> Self {
        Self { inner, number, key: Arc::default() }
    }

    /// Returns the part's entry in the manifest.
    pub fn entry(&self) -> &PartEntry {
        &self.inner.manifest.parts[self.number]
    }

    /// Returns its length in bytes.
    pub fn length(&self) -> u64 {
        self.entry().length
    }

    /// Returns the parts that this topology needs.
    pub fn companions(&self) -> impl ExactSizeIterator<Item = Self> + '_ {
        self.entry().companions.iter().map(|&number| Self::new(self.inner.clone(), number))
    }

    /// Decrypts the whole part into new memory, with several threads.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] if a chunk is not authentic. In that case, no byte is returned.
    pub fn read(&self) -> Result<ModelMemory, OpenError> {
        let length = usize::try_from(self.length()).map_err(|_| self.out_of_range(0, self.length()))?;
        let mut memory = ModelMemory::zeroed(length)?;
        self.read_into(&mut memory)?;
        Ok(memory)
    }

    /// Decrypts the whole part with several threads into `buffer`, which must be exactly as long.
    ///
    /// # Errors
    /// [`OpenError::OutOfRange`] if the length differs, [`OpenError::Chunk`] if a chunk is not
    /// authentic. `buffer` is zeroized after every error except `OutOfRange`.
    pub fn read_into(&self, buffer: &mut [u8]) -> Result<(), OpenError> {
        if buffer.len() as u64 != self.length() {
            return Err(self.out_of_range(0, buffer.len() as u64));
        }
        let mut guard = WipeUnlessKept::new(buffer);
        self.fill(guard.buffer)?;
        guard.keep();
        Ok(())
    }

    /// Decrypts the bytes starting at `offset` into `buffer`. Reads only the chunks that contain
    /// them.
    ///
    /// Each call reads and checks the file again; nothing is remembered between calls. Unless a
    /// publisher was specified, a file that changes in between can show different contents, both of
    /// which pass. Use [`read`](Self::read) or [`map`](Self::map) if the content must not change.
    ///
    /// # Errors
    /// [`OpenError::OutOfRange`] beyond the end of the part, [`OpenError::Chunk`] if a chunk is not
    /// authentic. `buffer` is zeroized after every error except `OutOfRange`.
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

    /// Decrypts one chunk into `data`, which must be exactly as long as the chunk. After an error,
    /// `data` is unspecified.
    pub(super) fn decrypt_chunk_by_index(&self, index: u64, data: &mut [u8]) -> Result<(), OpenError> {
        self.decrypt_chunk(&self.chunk(index), data)
    }

    /// Decrypts a chunk again, without its digest, for a caller that compares the bytes with the
    /// earlier ones.
    pub(super) fn decrypt_again_by_index(&self, index: u64, data: &mut [u8]) -> Result<(), OpenError> {
        self.decrypt_checked(&self.chunk(index), data, false)
    }

    /// Returns the error for a chunk that is not authentic.
    pub(super) fn bad_chunk_at(&self, index: u64) -> OpenError {
        self.bad_chunk(&self.chunk(index))
    }

    /// Returns the size of every chunk except the last, in bytes.
    pub(super) fn chunk_size(&self) -> usize {
        self.inner.layout.chunk_size.bytes()
    }

    /// Returns the number of threads that decrypt a whole part.
    pub(super) fn thread_count(&self) -> usize {
        self.inner.threads.get()
    }

    /// Decrypts every chunk with several threads, and discards the plaintext.
    pub(crate) fn verify(&self) -> Result<(), OpenError> {
        let buffer = || Ok(ModelMemory::zeroed(self.chunk(0).length)?);
        threads::each(self.inner.threads, self.chunks(), buffer, |buffer, index| {
            let chunk = self.chunk(index);
            self.decrypt_chunk(&chunk, &mut buffer[..chunk.length])
        })
    }

    fn fill(&self, buffer: &mut [u8]) -> Result<(), OpenError> {
        if buffer.is_empty() {
            return self.decrypt_chunk(&self.chunk(0), buffer);
        }
        let destinations = Mutex::new(buffer.chunks_mut(self.chunk_size()).enumerate());
        let start = || Ok(());
        // The number is not needed: the position in `buffer` comes from the iterator.
        threads::each(self.inner.threads, self.chunks(), start, |(), _| {
            let next = lock(&destinations).next();
            let Some((index, data)) = next else { return Ok(()) };
            // This memory has usually never been touched, and faulting it in all at once is
            // cheaper.
            populate(data);
            self.decrypt_chunk(&self.chunk(index as u64), data)
        })
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
                self.decrypt_chunk(&chunk, wanted)?;
            } else {
                self.copy_from_chunk(&chunk, (from - chunk.start) as usize, wanted)?;
            }
            rest = after;
        }
        Ok(())
    }

    fn copy_from_chunk(&self, chunk: &Chunk, start: usize, wanted: &mut [u8]) -> Result<(), OpenError> {
        self.inner.scratch.lend(self.inner.layout.chunk_size.bytes(), |buffer| {
            self.decrypt_chunk(chunk, &mut buffer[..chunk.length])?;
            wanted.copy_from_slice(&buffer[start..start + wanted.len()]);
            Ok(())
        })
    }

    /// Decrypts a chunk, and compares its digest if a publisher was specified.
    fn decrypt_chunk(&self, chunk: &Chunk, data: &mut [u8]) -> Result<(), OpenError> {
        self.decrypt_checked(chunk, data, self.inner.compares_digests())
    }

    /// Reads the ciphertext of a chunk into `data`, checks the digest over it, and decrypts it in
    /// place.
    fn decrypt_checked(&self, chunk: &Chunk, data: &mut [u8], checks_digest: bool) -> Result<(), OpenError> {
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

    /// Hints that a chunk will be decrypted soon.
    pub(super) fn expect_chunk(&self, index: u64) {
        let chunk = self.chunk(index);
        self.inner.source.expect(self.inner.layout.position(&chunk), chunk.length as u64);
    }

    pub(super) fn key(&self) -> &PartKey {
        self.key.get_or_init(|| PartKey::new(&self.inner.key, self.number as u32, self.inner.provider))
    }

    pub(super) fn chunk(&self, index: u64) -> Chunk {
        self.inner.layout.chunk(self.number, index)
    }

    fn chunks(&self) -> u64 {
        self.inner.layout.parts[self.number].chunks
    }

    fn bad_chunk(&self, chunk: &Chunk) -> OpenError {
        OpenError::Chunk { part: self.entry().path.to_string(), index: chunk.index }
    }

    fn out_of_range(&self, offset: u64, end: u64) -> OpenError {
        OpenError::OutOfRange { part: self.entry().path.clone(), offset, end }
    }
}

/// Zeroizes a partly filled buffer: after an error, and if the caller's source panics.
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
