//! Memory for chunks of which a caller wants only a piece.

use std::sync::{Mutex, PoisonError};

use ovseal_memory::{MemoryError, ModelMemory};
use zeroize::Zeroize;

/// Buffers of one chunk each that are used again: mapping fresh memory costs more than decrypting a chunk.
#[derive(Default)]
pub(super) struct Scratch(Mutex<Vec<ModelMemory>>);

impl Scratch {
    /// Lends a buffer of `length` bytes to `work`, and zeroizes it afterwards.
    ///
    /// All buffers of one container have the length of its chunks, so that each serves every chunk.
    pub(super) fn lend<T, E: From<MemoryError>>(
        &self,
        length: usize,
        work: impl FnOnce(&mut [u8]) -> Result<T, E>,
    ) -> Result<T, E> {
        let kept = self.buffers().pop();
        let mut buffer = match kept {
            Some(buffer) => buffer,
            None => ModelMemory::zeroed(length)?,
        };
        let result = work(&mut buffer);
        buffer.zeroize();
        let mut buffers = self.buffers();
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
        result
    }

    fn buffers(&self) -> std::sync::MutexGuard<'_, Vec<ModelMemory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many buffers are kept at most.
const KEPT: usize = 4;
