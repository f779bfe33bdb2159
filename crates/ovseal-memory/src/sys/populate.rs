//! Brings in pages all at once.

use rustix::mm::Advice;

use super::page_size;

/// Brings the pages of `bytes` into memory at once, which is cheaper than a fault for each.
///
/// The contents do not change. If the kernel cannot do it (before Linux 5.14, or out of memory),
/// pages come in when they are touched.
///
/// ```
/// let mut chunk = ovseal_memory::ModelMemory::zeroed(1 << 20)?;
/// ovseal_memory::populate(&mut chunk);
/// assert!(chunk.iter().all(|byte| *byte == 0));
/// # Ok::<(), ovseal_memory::MemoryError>(())
/// ```
pub fn populate(bytes: &mut [u8]) {
    let front = bytes.as_ptr().align_offset(page_size());
    let Some(pages) = bytes.get_mut(front..) else { return };
    let length = pages.len() / page_size() * page_size();
    if length > 0 {
        let start = pages.as_mut_ptr().cast();
        // SAFETY: the whole pages lie in `bytes`, which the caller borrows exclusively. Populating
        // changes no contents.
        let _ = unsafe { rustix::mm::madvise(start, length, Advice::LinuxPopulateWrite) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelMemory;
    use crate::sys::resident_bytes;

    #[test]
    fn whole_pages_come_in_and_keep_their_contents_and_no_others_do() {
        let page = page_size();
        let mut memory = ModelMemory::zeroed(8 * page).unwrap();
        memory[2 * page] = 7;
        populate(&mut memory[page + 1..5 * page + 9]);
        assert_eq!(resident_bytes(&memory), 3 * page);
        assert_eq!((memory[2 * page], memory[3 * page]), (7, 0));
    }

    #[test]
    fn less_than_a_page_is_left_alone() {
        let mut memory = ModelMemory::zeroed(2 * page_size()).unwrap();
        populate(&mut []);
        populate(&mut memory[1..page_size() + 5]);
        assert_eq!(resident_bytes(&memory), 0);
    }
}
