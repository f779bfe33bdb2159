use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::error::MemoryError;
use crate::sys::{self, Errno, Mapping, whole_pages, zeroize_resident};

/// Memory for decrypted parts of a model, left out of dumps and forks and zeroized on drop.
///
/// The memory starts as zeros, and its address never changes. The address is a multiple of 4096
/// bytes, or of 2 MiB if the memory is at least that long. Pages are allocated on first access, and
/// locked against swapping if the limits allow; see [`ModelMemory::is_locked`]. Anything swapped
/// out of memory that is not locked stays on the disk.
///
/// In a forked child the memory does not exist: an access ends the child, or finds whatever is
/// mapped there by then. Dropping it there does nothing.
///
/// ```
/// use ovseal_memory::ModelMemory;
///
/// let mut weights = ModelMemory::zeroed(3_000_000)?;
/// weights[..4].copy_from_slice(&[1, 2, 3, 4]);
/// assert_eq!(weights.len(), 3_000_000);
/// assert_eq!(weights.as_ptr().align_offset(2 << 20), 0);
/// # Ok::<(), ovseal_memory::MemoryError>(())
/// ```
pub struct ModelMemory {
    mapping: Mapping,
    length: usize,
    locked: bool,
}

impl ModelMemory {
    /// Maps `length` zero bytes; 0 is allowed.
    ///
    /// # Errors
    ///
    /// [`MemoryError::TooLong`] if no machine can have that much memory, [`MemoryError::Map`] if
    /// this one does not.
    pub fn zeroed(length: usize) -> Result<Self, MemoryError> {
        let mapping = map(length)?;
        let locked = lock_leaving_room_for_keys(&mapping);
        Ok(Self { mapping, length, locked })
    }

    /// Returns whether the memory can never be swapped out.
    ///
    /// The limit is `RLIMIT_MEMLOCK`, often 8 MiB, unless the process has `CAP_IPC_LOCK`. A model
    /// is not locked if that would leave less than 256 KiB of the limit for keys.
    pub fn is_locked(&self) -> bool {
        self.locked
    }
}

impl AsRef<[u8]> for ModelMemory {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for ModelMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping has at least `length` readable bytes that the kernel initialized,
        // borrowed with `self`.
        unsafe { std::slice::from_raw_parts(self.mapping.address().as_ptr(), self.length) }
    }
}

impl DerefMut for ModelMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping has at least `length` writable bytes that the kernel initialized,
        // borrowed exclusively with `self`.
        unsafe { std::slice::from_raw_parts_mut(self.mapping.address().as_ptr(), self.length) }
    }
}

impl Drop for ModelMemory {
    fn drop(&mut self) {
        if !self.mapping.is_inherited() {
            zeroize_resident(self);
        }
    }
}

impl fmt::Debug for ModelMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ModelMemory({} bytes)", self.length)
    }
}

/// Maps whole pages for `length` zero bytes that are neither dumped nor inherited.
pub(crate) fn map(length: usize) -> Result<Mapping, MemoryError> {
    let limit = isize::MAX.unsigned_abs();
    if length > limit {
        return Err(MemoryError::TooLong { length, limit });
    }
    map_pages(length).map_err(|error| MemoryError::Map { length, source: error.into() })
}

fn map_pages(length: usize) -> sys::Result<Mapping> {
    let size = whole_pages(length).ok_or(Errno::NOMEM)?;
    let mapping = match size {
        HUGE_PAGE.. => Mapping::aligned(size, HUGE_PAGE)?,
        _ => Mapping::anonymous(size)?,
    };
    mapping.leave_out_of_dumps(0, size)?;
    mapping.leave_out_of_forks(0, size)?;
    Ok(mapping)
}

/// Locks the mapping, unless that would leave too little of the limit for keys.
///
/// Returns whether it is locked.
pub(crate) fn lock_leaving_room_for_keys(mapping: &Mapping) -> bool {
    if mapping.lock_on_fault().is_err() {
        return false;
    }
    let room = Mapping::inaccessible(ROOM_FOR_SECRETS).is_ok_and(|probe| probe.lock_on_fault().is_ok());
    // If unlocking fails, the memory stays locked and is reported so.
    room || mapping.unlock().is_err()
}

/// Bytes of a huge page on x86-64, and on aarch64 with pages of 4 KiB.
const HUGE_PAGE: usize = 2 << 20;

/// Bytes of lockable memory left for keys: 64 secrets with pages of 4 KiB.
const ROOM_FOR_SECRETS: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{afterlife, fork, smaps};
    use crate::sys::page_size;

    #[test]
    fn new_memory_is_zero_and_keeps_what_was_written() {
        let mut memory = ModelMemory::zeroed(5000).unwrap();
        assert_eq!(*memory, [0; 5000]);
        memory[4999] = 7;
        assert_eq!((memory.len(), memory[4998], memory[4999]), (5000, 0, 7));
    }

    #[test]
    fn addresses_are_aligned_to_the_size() {
        for (length, alignment) in [
            (0, 4096),
            (1, 4096),
            (HUGE_PAGE - 8192, 4096),
            (HUGE_PAGE, HUGE_PAGE),
            (3 * HUGE_PAGE + 1, HUGE_PAGE),
        ] {
            let memory = ModelMemory::zeroed(length).unwrap();
            assert_eq!(memory.as_ptr().align_offset(alignment), 0, "{length}");
        }
    }

    #[test]
    fn only_whole_pages_stay_mapped_after_alignment() {
        let memory = ModelMemory::zeroed(HUGE_PAGE + 1).unwrap();
        assert_eq!(memory.mapping.length(), HUGE_PAGE + page_size());
    }

    #[test]
    fn no_bytes_are_allowed() {
        assert!(ModelMemory::zeroed(0).unwrap().is_empty());
    }

    #[test]
    fn memory_is_zeroized_when_dropped() {
        for length in [100, 3 * HUGE_PAGE] {
            let mut memory = ModelMemory::zeroed(length).unwrap();
            memory.fill(0xAB);
            let remains = afterlife::Remains::of(&mut memory);
            drop(memory);
            assert_eq!(remains.read(), [0; afterlife::LENGTH]);
        }
    }

    #[test]
    fn absurd_lengths_are_rejected() {
        let limit = isize::MAX.unsigned_abs();
        let refused = ModelMemory::zeroed(limit + 1).unwrap_err();
        assert!(
            matches!(refused, MemoryError::TooLong { length, limit: l } if length == limit + 1 && l == limit)
        );
        for length in [limit, 1 << 50] {
            let MemoryError::Map { source, .. } = ModelMemory::zeroed(length).unwrap_err() else {
                panic!("the kernel has no {length} bytes")
            };
            assert_eq!(source.kind(), std::io::ErrorKind::OutOfMemory);
        }
    }

    #[test]
    fn memory_is_undumped_not_inherited_and_locked_as_reported() {
        for length in [0, 100, 3 * HUGE_PAGE] {
            let memory = ModelMemory::zeroed(length).unwrap();
            smaps::assert_flags(memory.as_ptr(), &["dd", "dc"], memory.is_locked());
        }
    }

    #[test]
    fn a_forked_child_has_no_such_memory_and_drops_it_safely() {
        let mut memory = ModelMemory::zeroed(4096).unwrap();
        memory.fill(0xEE);
        assert_eq!(fork::peek(memory.as_ptr(), 4), Err(libc::EFAULT));
        assert_eq!(fork::exit_code(move || drop(memory)), Some(0));
    }

    #[test]
    fn the_address_stays_when_the_owner_moves() {
        let memory = ModelMemory::zeroed(HUGE_PAGE).unwrap();
        let address = memory.as_ptr();
        let moved = Box::new(memory);
        assert_eq!(moved.as_ptr(), address);
    }

    #[test]
    fn threads_write_disjoint_ranges() {
        let mut memory = ModelMemory::zeroed(1 << 20).unwrap();
        std::thread::scope(|scope| {
            for (number, range) in memory.chunks_mut(1 << 18).enumerate() {
                scope.spawn(move || range.fill(number as u8 + 1));
            }
        });
        assert_eq!([memory[0], memory[1 << 18], memory[(1 << 20) - 1]], [1, 2, 4]);
    }

    #[test]
    fn debug_shows_only_the_length() {
        let memory = ModelMemory::zeroed(4096).unwrap();
        assert_eq!(format!("{memory:?}"), "ModelMemory(4096 bytes)");
    }
}
