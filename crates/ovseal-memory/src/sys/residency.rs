//! The pages of a mapping that are in memory.

use rustix::io::{Errno, Result};
use zeroize::Zeroize;

use super::page_size;

/// Zeroizes the pages that are in memory and brings in no others: an untouched page is zero.
///
/// `memory` starts at a page boundary and is anonymous. A page that was swapped out is not brought
/// back. The kernel frees its swap slot at unmapping, without erasing it.
pub(crate) fn zeroize_resident(memory: &mut [u8]) {
    let mut residency = [0; PAGES_AT_ONCE];
    for window in memory.chunks_mut(PAGES_AT_ONCE * page_size()) {
        match query(window, &mut residency) {
            Ok(pages) => zeroize_runs(window, pages),
            Err(_) => window.zeroize(),
        }
    }
}

/// Returns the size of the pages that are in memory, and brings in no others.
///
/// `memory` starts at a page boundary. If the kernel does not answer, all pages are counted.
pub(crate) fn resident_bytes(memory: &[u8]) -> usize {
    let mut residency = [0; PAGES_AT_ONCE];
    let count = |window| match query(window, &mut residency) {
        Ok(pages) => pages.iter().filter(|page| is_resident(**page)).count(),
        Err(_) => window.len().div_ceil(page_size()),
    };
    memory.chunks(PAGES_AT_ONCE * page_size()).map(count).sum::<usize>() * page_size()
}

fn zeroize_runs(mut window: &mut [u8], pages: &[u8]) {
    for run in pages.chunk_by(|left, right| is_resident(*left) == is_resident(*right)) {
        let length = window.len().min(run.len() * page_size());
        let (bytes, rest) = window.split_at_mut(length);
        if run.first().copied().is_some_and(is_resident) {
            bytes.zeroize();
        }
        window = rest;
    }
}

/// Asks the kernel about each page of `window` (`mincore(2)`). Absent pages may arrive at any time.
fn query<'a>(window: &[u8], residency: &'a mut [u8; PAGES_AT_ONCE]) -> Result<&'a [u8]> {
    let pages = window.len().div_ceil(page_size());
    let answer = residency.get_mut(..pages).ok_or(Errno::INVAL)?;
    // SAFETY: the kernel writes one byte per page, for which `answer` has room. It does not touch
    // the range itself.
    let status =
        unsafe { libc::mincore(window.as_ptr().cast_mut().cast(), window.len(), answer.as_mut_ptr()) };
    if status != 0 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL));
    }
    Ok(answer)
}

fn is_resident(page: u8) -> bool {
    page & 1 == 1
}

/// Number of pages queried by one system call: 16 MiB with pages of 4 KiB.
const PAGES_AT_ONCE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelMemory;

    fn resident(memory: &[u8]) -> Vec<usize> {
        let mut residency = [0; PAGES_AT_ONCE];
        let windows = memory.chunks(PAGES_AT_ONCE * page_size()).enumerate();
        windows
            .flat_map(|(window, bytes)| {
                let pages = query(bytes, &mut residency).unwrap().iter().enumerate();
                pages
                    .filter(|(_, page)| is_resident(**page))
                    .map(|(i, _)| window * PAGES_AT_ONCE + i)
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Maps memory without huge pages, where one touch would also bring in the neighbours.
    fn small_pages(pages: usize) -> ModelMemory {
        let memory = ModelMemory::zeroed(pages * page_size()).unwrap();
        let address = memory.as_ptr().cast_mut().cast();
        // SAFETY: the range belongs to `memory`, and the advice changes no contents.
        unsafe { rustix::mm::madvise(address, memory.len(), rustix::mm::Advice::LinuxNoHugepage) }.unwrap();
        memory
    }

    #[test]
    fn touched_pages_are_zeroized_and_no_others_taken_in() {
        let touched = [0, 1, 7, 4095, 4096, 4100, 9998];
        let mut memory = small_pages(9999);
        for page in touched {
            memory[page * page_size()..][..page_size()].fill(0xEE);
        }
        assert_eq!(resident(&memory), touched);
        assert_eq!(resident_bytes(&memory), touched.len() * page_size());
        zeroize_resident(&mut memory);
        assert_eq!(resident(&memory), touched);
        assert!(memory.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_last_page_that_is_not_full_is_zeroized() {
        let mut memory = ModelMemory::zeroed(3 * page_size() + 5).unwrap();
        memory.fill(0xEE);
        zeroize_resident(&mut memory);
        assert!(memory.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn memory_that_the_kernel_cannot_be_asked_about_is_zeroized_whole() {
        let mut memory = ModelMemory::zeroed(2 * page_size()).unwrap();
        memory.fill(0xEE);
        zeroize_resident(&mut memory[1..]);
        assert!(memory[0] == 0xEE && memory[1..].iter().all(|byte| *byte == 0));
    }
}
