//! A small cache of decrypted chunks, which is wiped.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use ovseal::OpenError;
use ovseal_memory::ModelMemory;

use crate::lock::lock;
use crate::tree::File;

/// The chunks decrypted last, at most [`CHUNK_LIMIT`].
///
/// Readers of one chunk wait for the first of them to decrypt it. Readers of other chunks do not
/// wait.
#[derive(Default)]
pub(crate) struct Chunks {
    /// The chunk used last is at the end.
    slots: Mutex<VecDeque<(Key, Arc<Slot>)>>,
    /// Buffers of removed chunks, for the next ones: mapping memory costs as much as decrypting.
    spare: Mutex<Vec<ModelMemory>>,
}

/// The number of a file, and of a chunk in it.
type Key = (u64, u64);

/// A chunk that is being decrypted, or was.
type Slot = Mutex<Option<Arc<Chunk>>>;

/// A decrypted chunk. It is zeroized when the last reader is done.
pub(crate) struct Chunk {
    memory: ModelMemory,
    length: usize,
}

impl Chunks {
    /// Returns a chunk, decrypted now unless it is in the cache.
    ///
    /// # Errors
    /// [`OpenError`] if it cannot be read, or is not authentic. It is tried again the next time.
    pub(crate) fn chunk(&self, number: u64, file: &File, index: u64) -> Result<Arc<Chunk>, OpenError> {
        let slot = self.slot((number, index));
        let mut decrypted = lock(&slot);
        if let Some(chunk) = &*decrypted {
            return Ok(Arc::clone(chunk));
        }
        let chunk = Arc::new(self.decrypt(file, index)?);
        *decrypted = Some(Arc::clone(&chunk));
        Ok(chunk)
    }

    /// Removes the chunks of a file, or of all files. They are zeroized when no reader uses them.
    pub(crate) fn forget(&self, file: Option<u64>) {
        lock(&self.slots).retain(|((number, _), _)| file.is_some_and(|file| file != *number));
        lock(&self.spare).clear();
    }

    /// Returns the place of a chunk, which becomes the one used last.
    fn slot(&self, key: Key) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        let known = slots.iter().position(|(other, _)| *other == key).and_then(|at| slots.remove(at));
        let (_, slot) = known.unwrap_or_else(|| (key, Arc::default()));
        slots.push_back((key, Arc::clone(&slot)));
        let removed = if slots.len() > CHUNK_LIMIT { slots.pop_front() } else { None };
        drop(slots);
        removed.into_iter().for_each(|(_, slot)| self.recycle(slot));
        slot
    }

    fn decrypt(&self, file: &File, index: u64) -> Result<Chunk, OpenError> {
        let length = file.chunk_length(index) as usize;
        let fitting = |memory: &ModelMemory| memory.len() as u64 == file.chunk_size;
        let spare = lock(&self.spare).pop().filter(fitting);
        let memory = match spare {
            Some(memory) => memory,
            None => ModelMemory::zeroed(file.chunk_size as usize)?,
        };
        let mut chunk = Chunk { memory, length };
        // After an error, the library has zeroized the buffer.
        file.part.read_range(index.saturating_mul(file.chunk_size), &mut chunk.memory[..length])?;
        Ok(chunk)
    }

    /// Keeps the buffer of a chunk that no one uses. Its old content is overwritten by the next.
    fn recycle(&self, slot: Arc<Slot>) {
        let chunk = Arc::into_inner(slot).and_then(|slot| slot.into_inner().ok().flatten());
        let Some(chunk) = chunk.and_then(Arc::into_inner) else { return };
        let mut spare = lock(&self.spare);
        if spare.len() < SPARE_LIMIT {
            spare.push(chunk.memory);
        }
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

/// The largest number of chunks that are kept.
const CHUNK_LIMIT: usize = 6;

/// The largest number of buffers that are kept besides. With these, 8 chunks of plaintext are in
/// memory when no one reads.
const SPARE_LIMIT: usize = 2;

#[cfg(test)]
mod tests {
    use ovseal::{ChunkSize, Opened};
    use ovseal_testkit::{Fixture, pattern};

    use super::*;
    use crate::tree::Tree;

    const CHUNK: usize = 1 << 16;

    fn opened(content: &[u8]) -> (Fixture, Opened) {
        let fixture = Fixture::new(&[("w.bin", content)]);
        fixture.seal(fixture.options().chunk_size(ChunkSize::from_log2(16).unwrap()));
        let opened = fixture.open().unwrap();
        (fixture, opened)
    }

    #[test]
    fn chunks_are_right_and_their_number_is_bounded() {
        let content = pattern(20 * CHUNK + 5);
        let (_fixture, opened) = opened(&content);
        let tree = Tree::of(&opened).unwrap();
        let (number, file) = tree.files().next().unwrap();
        let chunks = Chunks::default();
        for index in (0..21).chain((0..21).rev()) {
            let expected = content.chunks(CHUNK).nth(index).unwrap();
            assert_eq!(&**chunks.chunk(number, file, index as u64).unwrap(), expected, "{index}");
        }
        assert_eq!(lock(&chunks.slots).len(), CHUNK_LIMIT);
        assert!(lock(&chunks.spare).len() <= SPARE_LIMIT);
        chunks.forget(Some(number));
        assert!(lock(&chunks.slots).is_empty() && lock(&chunks.spare).is_empty());
    }

    #[test]
    fn a_changed_chunk_is_an_error_each_time_and_leaves_no_plaintext() {
        let (fixture, opened) = opened(&pattern(3 * CHUNK));
        let tree = Tree::of(&opened).unwrap();
        let (number, file) = tree.files().next().unwrap();
        let chunks = Chunks::default();
        let before = chunks.chunk(number, file, 1).unwrap().to_vec();
        let mut bytes = std::fs::read(fixture.container()).unwrap();
        // The middle of the second of three chunks: the trailer is short.
        let at = bytes.len() - CHUNK - CHUNK / 2;
        bytes[at] ^= 1;
        std::fs::write(fixture.container(), &bytes).unwrap();
        for _ in 0..2 {
            chunks.forget(None);
            let error = chunks.chunk(number, file, 1).err().unwrap();
            assert_eq!(error.to_string(), "chunk 1 of w.bin is not authentic");
        }
        bytes[at] ^= 1;
        std::fs::write(fixture.container(), &bytes).unwrap();
        assert_eq!(chunks.chunk(number, file, 1).unwrap().to_vec(), before);
    }
}
