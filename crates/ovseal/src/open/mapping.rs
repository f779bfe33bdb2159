//! A whole part in memory that is decrypted while it is read.

use std::error::Error;
use std::ops::Deref;
use std::sync::Arc;

use ovseal_memory::{
    ChunkFiller, FillCause, FillFailure, MemoryError, ModelMemory, PagedMemory, Populated as PopulatedMemory,
    exit_with_line,
};

use super::Part;
use crate::error::OpenError;

/// A whole part in read-only memory, every chunk of which was found authentic.
///
/// Clones share the memory, which is zeroized when the last one is dropped. If the host offers
/// `userfaultfd(2)`, pages can be [released](Self::release) and are decrypted again on access. A
/// chunk that is not authentic *then*, or differs from before, means that the file was changed under
/// the running process. [`OpenOptions::on_late_failure`](super::OpenOptions::on_late_failure) then
/// ends the process: nothing is computed from wrong bytes.
#[derive(Clone, Debug)]
pub struct PartMapping(Arc<Memory>);

/// A whole part that is being decrypted, in order and as it is touched.
///
/// Whoever touches a chunk waits until it is there. A chunk that is not authentic reads as zeros, and so does from then on
/// whatever had not been decrypted before; never does anyone see bytes that are not authentic. So what is computed from
/// [`hazmat_unverified`](Self::hazmat_unverified) must not be used before [`verify`](Self::verify) has given `Ok`.
///
/// Dropping it stops the work.
#[derive(Debug)]
pub struct UnverifiedMapping(PartMapping);

/// Keeps all bytes of a [`PartMapping`] in memory, for system calls too, which cannot wait for a page.
#[derive(Debug)]
#[must_use = "the bytes may be given back as soon as this is dropped"]
pub struct Populated<'m> {
    _memory: Option<PopulatedMemory<'m, PartFiller>>,
}

/// Where the bytes are.
#[derive(Debug)]
enum Memory {
    OnDemand(PagedMemory<PartFiller>),
    Whole(ModelMemory),
}

/// Decrypts the chunks of one part.
struct PartFiller(Part);

impl Part {
    /// Maps the whole part and starts to decrypt it with threads of its own, at least one.
    ///
    /// Where the host gives no `userfaultfd(2)`, and for an empty part, everything is decrypted before this returns.
    ///
    /// # Errors
    /// [`OpenError::Memory`] without memory or threads; where everything is decrypted at once, those of [`Part::read`].
    pub fn start_mapping(&self, threads: usize) -> Result<UnverifiedMapping, OpenError> {
        let memory = match self.on_demand(threads) {
            None | Some(Err(MemoryError::Unavailable { .. })) => return Ok(self.read_mapping()?.into()),
            Some(memory) => Memory::OnDemand(memory?),
        };
        Ok(UnverifiedMapping(PartMapping(Arc::new(memory))))
    }

    /// Maps the whole part; all of it was found authentic when this returns.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] when a chunk is not authentic, [`OpenError::Memory`] without memory or threads.
    pub fn map(&self) -> Result<PartMapping, OpenError> {
        self.start_mapping(self.thread_count())?.verify()
    }

    /// Decrypts the whole part into memory that stays until the mapping is dropped, with several threads.
    ///
    /// # Errors
    /// Those of [`Part::read`].
    pub fn read_mapping(&self) -> Result<PartMapping, OpenError> {
        Ok(PartMapping(Arc::new(Memory::Whole(self.read()?))))
    }

    fn on_demand(&self, threads: usize) -> Option<Result<PagedMemory<PartFiller>, MemoryError>> {
        let handler = self.inner.on_late_failure;
        (self.length() > 0).then(|| PagedMemory::start_with(PartFiller(self.clone()), threads, handler))
    }
}

impl UnverifiedMapping {
    /// The bytes, which must not decide anything before [`verify`](Self::verify) has given `Ok`; see the type.
    pub fn hazmat_unverified(&self) -> &[u8] {
        &self.0
    }

    /// Another hold on the memory, which must not decide anything before [`verify`](Self::verify) has given `Ok`: for a
    /// runtime that keeps its weights.
    pub fn hazmat_owner(&self) -> PartMapping {
        self.0.clone()
    }

    /// Whether decryption goes on in the background; otherwise all of it was found authentic already.
    pub fn is_on_demand(&self) -> bool {
        self.0.is_on_demand()
    }

    /// Whether the memory can never be swapped to a disk.
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// Makes sure that whatever was read of the bytes until now is authentic; never waits.
    ///
    /// # Errors
    /// Those of [`verify`](Self::verify), when a chunk has failed until now, read or not.
    pub fn check(&self) -> Result<(), OpenError> {
        self.0.check()
    }

    /// Waits until every chunk was found authentic.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] for the first chunk that is not authentic, [`OpenError::Fill`] for one that cannot be read or
    /// placed.
    pub fn verify(self) -> Result<PartMapping, OpenError> {
        self.0.wait()?;
        Ok(self.0)
    }
}

impl PartMapping {
    /// Whether pages can be given back and come again.
    pub fn is_on_demand(&self) -> bool {
        matches!(*self.0, Memory::OnDemand(_))
    }

    /// Whether the memory can never be swapped to a disk.
    pub fn is_locked(&self) -> bool {
        match &*self.0 {
            Memory::OnDemand(memory) => memory.is_locked(),
            Memory::Whole(memory) => memory.is_locked(),
        }
    }

    /// Gives the pages back to the kernel; a later touch decrypts them again. Says whether it was done.
    ///
    /// It is not done where the part is not [on demand](Self::is_on_demand). While the pages are
    /// [populated](Self::populate) it is done afterwards.
    pub fn release(&self) -> bool {
        matches!(&*self.0, Memory::OnDemand(memory) if memory.release())
    }

    /// Does what [`release`](Self::release) does without letting the caller wait.
    pub fn release_in_background(&self) {
        if let Memory::OnDemand(memory) = &*self.0 {
            memory.release_in_background();
        }
    }

    /// Brings in what was released and keeps it until the guard is dropped.
    ///
    /// # Errors
    /// Those of [`UnverifiedMapping::verify`].
    pub fn populate(&self) -> Result<Populated<'_>, OpenError> {
        let Memory::OnDemand(memory) = &*self.0 else { return Ok(Populated { _memory: None }) };
        let populated = memory.populate().map_err(|failure| open_error(memory.filler(), failure))?;
        Ok(Populated { _memory: Some(populated) })
    }

    /// Bytes of the pages that are in memory now.
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
        // A part that is longer than the address space is refused by the memory as too long.
        usize::try_from(self.0.length()).unwrap_or(usize::MAX)
    }

    fn fill(&self, index: usize, chunk: &mut [u8]) -> Result<(), OpenError> {
        self.0.open_chunk_by_index(index as u64, chunk)
    }

    /// The memory compares the bytes with what passed before, so their digest need not be compared again.
    fn refill(&self, index: usize, chunk: &mut [u8]) -> Result<(), OpenError> {
        self.0.reopen_chunk_by_index(index as u64, chunk)
    }

    fn late_failure_line(&self, failure: &FillFailure<OpenError>) -> String {
        late_line(&self.0, failure)
    }
}

/// The default of [`OpenOptions::on_late_failure`](super::OpenOptions::on_late_failure).
pub(super) fn print_and_exit(message: &str) -> ! {
    exit_with_line(&format!("ovseal: error: {message}"))
}

fn late_line(part: &Part, failure: &FillFailure<OpenError>) -> String {
    let error = match &failure.cause {
        FillCause::Filler(error) => error.to_string(),
        // Its tag is right, but it is a different chunk.
        FillCause::Changed => part.bad_chunk_at(failure.index as u64).to_string(),
        other => {
            let why = other.source().map_or_else(|| other.to_string(), ToString::to_string);
            return format!("the weights cannot be decrypted again while the model runs: {why}");
        }
    };
    format!("{error} while the model runs: the file was changed or is damaged")
}

/// A failure, in the words of an opening that has not begun to compute.
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
