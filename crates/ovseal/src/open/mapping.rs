//! A whole part in memory that is decrypted while it is being read.

use std::error::Error;
use std::ops::Deref;
use std::sync::Arc;

use ovseal_memory::{
    ChunkFiller, FillCause, FillFailure, Layout, MemoryError, ModelMemory, PagedMemory,
    Populated as PopulatedMemory,
};

use super::Part;
use crate::error::OpenError;

/// A whole part in read-only memory. Every chunk was verified.
///
/// Clones share the memory, which is zeroized when the last of them is dropped. Where
/// `userfaultfd(2)` is available, [`release`](Self::release) returns the pages to the kernel, and a
/// later access decrypts them again. By then, the file may have been changed under the running
/// process. If a chunk is no longer authentic, or differs from before,
/// [`OpenOptions::on_late_failure`](crate::OpenOptions::on_late_failure) ends the process, so
/// nothing is computed from wrong bytes.
#[derive(Clone, Debug)]
pub struct PartMapping(Arc<Memory>);

/// A whole part that is being decrypted, in order and on access.
///
/// Accessing a chunk blocks until it is decrypted. A chunk that is not authentic reads as zeros,
/// and so does every chunk that was not decrypted before it; unauthentic bytes never become
/// visible. Do not use what was computed from [`hazmat_unverified`](Self::hazmat_unverified) before
/// [`verify`](Self::verify) has returned `Ok`.
///
/// Dropping it stops the decryption.
#[derive(Debug)]
pub struct UnverifiedMapping(PartMapping);

/// A guard that keeps all bytes of a [`PartMapping`] in memory. System calls need it, because they
/// cannot wait for a page.
#[derive(Debug)]
#[must_use = "the pages may be released as soon as this is dropped"]
pub struct Populated<'m> {
    _memory: Option<PopulatedMemory<'m, PartFiller>>,
}

/// The memory with the bytes.
#[derive(Debug)]
enum Memory {
    OnDemand(PagedMemory<PartFiller>),
    Whole(ModelMemory),
}

/// The source of a mapping: decrypts the chunks of one part.
struct PartFiller(Part);

impl Part {
    /// Maps the whole part and starts decrypting it in `threads` separate threads, at least one.
    ///
    /// If `userfaultfd(2)` is unavailable or the part is empty, everything is decrypted before this
    /// returns.
    ///
    /// # Errors
    /// [`OpenError::Memory`] if there is not enough memory or no thread can be started. If
    /// everything is decrypted at once, also any error of [`Part::read`].
    pub fn start_mapping(&self, threads: usize) -> Result<UnverifiedMapping, OpenError> {
        let memory = match self.on_demand(threads) {
            None | Some(Err(MemoryError::Unavailable { .. })) => return Ok(self.read_mapping()?.into()),
            Some(memory) => Memory::OnDemand(memory?),
        };
        Ok(UnverifiedMapping(PartMapping(Arc::new(memory))))
    }

    /// Maps the whole part and returns after all of it has been verified.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] if a chunk is not authentic, [`OpenError::Memory`] if there is not
    /// enough memory or no thread can be started.
    pub fn map(&self) -> Result<PartMapping, OpenError> {
        self.start_mapping(self.thread_count())?.verify()
    }

    /// Decrypts the whole part with several threads, into memory that stays until the mapping is
    /// dropped.
    ///
    /// # Errors
    /// Any error of [`Part::read`].
    pub fn read_mapping(&self) -> Result<PartMapping, OpenError> {
        Ok(PartMapping(Arc::new(Memory::Whole(self.read()?))))
    }

    fn on_demand(&self, threads: usize) -> Option<Result<PagedMemory<PartFiller>, MemoryError>> {
        let handler = self.inner.on_late_failure;
        (self.length() > 0).then(|| PagedMemory::start_with(PartFiller(self.clone()), threads, handler))
    }
}

impl UnverifiedMapping {
    /// Returns the bytes. Nothing may depend on them before [`verify`](Self::verify) has returned
    /// `Ok`.
    pub fn hazmat_unverified(&self) -> &[u8] {
        &self.0
    }

    /// Returns another owner of the memory, for a runtime that keeps its weights.
    ///
    /// Nothing may depend on the bytes before [`verify`](Self::verify) has returned `Ok`.
    pub fn hazmat_owner(&self) -> PartMapping {
        self.0.clone()
    }

    /// Returns true if decryption continues in the background, false if everything has already been
    /// verified.
    pub fn is_on_demand(&self) -> bool {
        self.0.is_on_demand()
    }

    /// Returns true if the memory can never be swapped to a disk.
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// Bounds the memory of the mapping, for a runtime that reads it with the processor.
    ///
    /// Chunks leave memory when room is short, or beyond the
    /// [budget](crate::OpenOptions::memory_budget), of which each of `mappings` gets the same
    /// share. They are decrypted again when they are read. See
    /// [`PagedMemory::bound`](ovseal_memory::PagedMemory::bound). Does nothing unless the part is
    /// [on demand](Self::is_on_demand).
    ///
    /// # Errors
    /// [`OpenError::Memory`] if the kernel rejects it.
    pub fn bound(&self, layout: Layout, mappings: usize) -> Result<(), OpenError> {
        let Memory::OnDemand(memory) = &*self.0.0 else { return Ok(()) };
        let budget = memory.filler().0.inner.memory_budget;
        let share = budget.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX) / mappings.max(1));
        Ok(memory.bound(layout, share)?)
    }

    /// Checks that all bytes read so far are authentic. Never blocks.
    ///
    /// # Errors
    /// Any error of [`verify`](Self::verify), if any chunk has failed so far, read or not.
    pub fn check(&self) -> Result<(), OpenError> {
        self.0.check()
    }

    /// Waits until every chunk has been verified.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] for the first chunk that is not authentic, [`OpenError::Fill`] for one
    /// that cannot be read or mapped.
    pub fn verify(self) -> Result<PartMapping, OpenError> {
        self.0.wait()?;
        Ok(self.0)
    }
}

impl PartMapping {
    /// Returns true if pages can be released and decrypted again.
    pub fn is_on_demand(&self) -> bool {
        matches!(*self.0, Memory::OnDemand(_))
    }

    /// Returns true if the memory can never be swapped to a disk.
    pub fn is_locked(&self) -> bool {
        match &*self.0 {
            Memory::OnDemand(memory) => memory.is_locked(),
            Memory::Whole(memory) => memory.is_locked(),
        }
    }

    /// Returns the pages to the kernel. A later access decrypts them again. Returns true if pages
    /// were released.
    ///
    /// Does nothing unless the part is [on demand](Self::is_on_demand). While a [`Populated`] guard
    /// exists, the pages are released when it is dropped.
    pub fn release(&self) -> bool {
        matches!(&*self.0, Memory::OnDemand(memory) if memory.release())
    }

    /// Releases the pages as [`release`](Self::release) does, without blocking the caller.
    pub fn release_in_background(&self) {
        if let Memory::OnDemand(memory) = &*self.0 {
            memory.release_in_background();
        }
    }

    /// Decrypts everything that was released, and keeps it in memory until the guard is dropped.
    ///
    /// # Errors
    /// Any error of [`UnverifiedMapping::verify`].
    pub fn populate(&self) -> Result<Populated<'_>, OpenError> {
        let Memory::OnDemand(memory) = &*self.0 else { return Ok(Populated { _memory: None }) };
        let populated = memory.populate().map_err(|failure| open_error(memory.filler(), failure))?;
        Ok(Populated { _memory: Some(populated) })
    }

    /// Returns the bytes that were decrypted again so far, in whole chunks, because they had left
    /// memory.
    pub fn refilled_bytes(&self) -> u64 {
        match &*self.0 {
            Memory::OnDemand(memory) => memory.refilled_chunks() * memory.filler().chunk_size() as u64,
            Memory::Whole(_) => 0,
        }
    }

    /// Returns the number of bytes that are in memory now.
    pub fn resident_bytes(&self) -> usize {
        match &*self.0 {
            Memory::OnDemand(memory) => memory.resident_bytes(),
            Memory::Whole(memory) => memory.len(),
        }
    }

    fn check(&self) -> Result<(), OpenError> {
        let Memory::OnDemand(memory) = &*self.0 else { return Ok(()) };
        memory.failure().map_or(Ok(()), |failure| Err(open_error(memory.filler(), failure)))
    }

    fn wait(&self) -> Result<(), OpenError> {
        match &*self.0 {
            Memory::OnDemand(memory) => memory.wait().map_err(|failure| open_error(memory.filler(), failure)),
            Memory::Whole(_) => Ok(()),
        }
    }
}

impl From<PartMapping> for UnverifiedMapping {
    fn from(verified: PartMapping) -> Self {
        Self(verified)
    }
}

impl Deref for PartMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Memory::OnDemand(memory) => memory,
            Memory::Whole(memory) => memory,
        }
    }
}

impl AsRef<[u8]> for PartMapping {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl ChunkFiller for PartFiller {
    type Error = OpenError;

    fn chunk_size(&self) -> usize {
        self.0.chunk_size()
    }

    fn length(&self) -> usize {
        // Mapping the memory has already rejected a part longer than the address space.
        usize::try_from(self.0.length()).unwrap_or(usize::MAX)
    }

    fn fill(&self, index: usize, chunk: &mut [u8]) -> Result<(), OpenError> {
        self.0.decrypt_chunk_by_index(index as u64, chunk)
    }

    fn expect(&self, index: usize) {
        self.0.expect_chunk(index as u64);
    }

    /// Skips the digest: the memory compares the bytes with those that passed before.
    fn refill(&self, index: usize, chunk: &mut [u8]) -> Result<(), OpenError> {
        self.0.decrypt_again_by_index(index as u64, chunk)
    }

    fn late_failure_line(&self, failure: &FillFailure<OpenError>) -> String {
        late_line(&self.0, failure)
    }
}

fn late_line(part: &Part, failure: &FillFailure<OpenError>) -> String {
    let error = match &failure.cause {
        FillCause::Filler(error) => error.to_string(),
        // The tag is valid, yet the chunk differs from before.
        FillCause::Changed => part.bad_chunk_at(failure.index as u64).to_string(),
        other => {
            let why = other.source().map_or_else(|| other.to_string(), ToString::to_string);
            return format!("the weights cannot be decrypted again while the model runs: {why}");
        }
    };
    format!("{error} while the model runs: the file was changed or is damaged")
}

/// Converts a failure into the error of an opening that has not computed anything yet.
fn open_error(filler: &PartFiller, failure: Arc<FillFailure<OpenError>>) -> OpenError {
    let part = filler.0.entry().path.to_string();
    match &failure.cause {
        FillCause::Filler(OpenError::Chunk { index, .. }) => OpenError::Chunk { part, index: *index },
        FillCause::Filler(OpenError::Truncated) => OpenError::Truncated,
        _ => OpenError::Fill { part, index: failure.index as u64, source: failure },
    }
}

#[cfg(test)]
mod tests;
