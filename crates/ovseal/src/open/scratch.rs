//! Buffers for chunks from which a caller reads only some bytes.

use std::sync::Mutex;

use ovseal_memory::{MemoryError, ModelMemory};
use zeroize::Zeroize;

use crate::threads::lock;

/// Reusable buffers of one chunk each. Mapping new memory costs more than decrypting a chunk.
#[derive(Default)]
pub(super) struct Scratch(Mutex<Vec<ModelMemory>>);

impl Scratch {
    /// Lends a buffer of `length` bytes to `work`, and zeroizes it afterwards.
    ///
    /// All buffers of a container have the length of its chunks, so any of them serves any chunk.
    pub(super) fn lend<T, E: From<MemoryError>>(
        &self,
        length: usize,
        work: impl FnOnce(&mut [u8]) -> Result<T, E>,
    ) -> Result<T, E> {
        let kept = lock(&self.0).pop();
        let mut buffer = match kept {
            Some(buffer) => buffer,
            None => ModelMemory::zeroed(length)?,
        };
        let result = work(&mut buffer);
        buffer.zeroize();
        let mut buffers = lock(&self.0);
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
        result
    }
}

/// Maximum number of buffers to keep.
const KEPT: usize = 4;
