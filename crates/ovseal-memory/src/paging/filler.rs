use std::error::Error;

use super::FillFailure;

/// Fills the chunks of a [`PagedMemory`](super::PagedMemory), for example by decrypting a file.
///
/// Several threads call [`fill`](Self::fill) at once, while others wait in the middle of a read
/// from the memory. So `fill` must not read the memory itself, or need anything that a reader may
/// hold, such as a lock or standard output.
pub trait ChunkFiller: Send + Sync + 'static {
    /// The reason why a chunk could not be filled.
    type Error: Error + Send + Sync + 'static;

    /// Returns the size of a chunk: a power of two, at least a page. Called once.
    fn chunk_size(&self) -> usize;

    /// Returns the length of the memory in bytes. Called once.
    fn length(&self) -> usize;

    /// Writes all of chunk `index`, counted from 0. The last one may be shorter.
    ///
    /// On entry, `chunk` may contain bytes of another chunk.
    ///
    /// # Errors
    ///
    /// Fails if the bytes cannot be read or are not authentic. In that case, `chunk` is not used.
    fn fill(&self, index: usize, chunk: &mut [u8]) -> Result<(), Self::Error>;

    /// Writes a chunk again after its pages were released. Calls [`fill`](Self::fill) by default.
    ///
    /// Readers may hold references to the previous bytes, so the memory compares their fingerprint
    /// with that of the new bytes. Different bytes are
    /// [`FillCause::Changed`](super::FillCause::Changed), and no reader sees them. This method may
    /// therefore skip checks that only confirm the bytes.
    ///
    /// # Errors
    ///
    /// Any error of [`fill`](Self::fill).
    fn refill(&self, index: usize, chunk: &mut [u8]) -> Result<(), Self::Error> {
        self.fill(index, chunk)
    }

    /// Hints that chunk `index` will be filled soon, so that its source can be read.
    ///
    /// Returns at once. Does nothing by default.
    fn expect(&self, _index: usize) {}

    /// Writes the line for a [`LateFailureHandler`](super::LateFailureHandler).
    ///
    /// The line describes a chunk that was filled before and cannot be filled again. Control
    /// characters in it become spaces.
    fn late_failure_line(&self, failure: &FillFailure<Self::Error>) -> String {
        format!("{failure}: {}", failure.cause)
    }
}
