//! A read-only mapping whose missing pages are put in place by its owner.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::thread;

use rustix::io::{Errno, Result};

use super::uffd::{Range, Uffd};
use crate::error::MemoryError;
use crate::mapping::{Mapping, page_size};
use crate::model::{lock_beside_secrets, map};
use crate::residency::zeroize_resident;

/// Makes whoever touches a missing page wait until [`FaultMapping::place`] has put it there, or
/// [`FaultMapping::open_up`] has let all missing pages be zero.
///
/// The mapping is neither dumped nor inherited by forks, and locked when the limits allow it.
#[derive(Debug)]
pub(super) struct FaultMapping {
    mapping: Mapping,
    uffd: Uffd,
    locked: bool,
}

impl FaultMapping {
    /// Maps whole pages for `length` bytes, all missing, and registers them with `descriptor`, or says why there is none.
    pub(super) fn new(descriptor: Result<OwnedFd>, length: usize) -> std::result::Result<Self, MemoryError> {
        let uffd = descriptor.and_then(Uffd::new).map_err(unavailable)?;
        let mapping = map(length)?;
        let locked = lock_beside_secrets(&mapping);
        // The kernel places pages all the same, and a stray write cannot change a weight.
        mapping.make_read_only().map_err(|error| MemoryError::Map { length, source: error.into() })?;
        let memory = Self { mapping, uffd, locked };
        // SAFETY: the range belongs to this value, which takes the registration back before anything else on drop.
        unsafe { memory.uffd.register(memory.whole()) }.map_err(unavailable)?;
        Ok(memory)
    }

    /// First address. Stays the same.
    pub(super) fn address(&self) -> NonNull<u8> {
        self.mapping.address()
    }

    /// Says whether the pages can never be swapped to a disk.
    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// Says whether this process is a forked child of the one that made the mapping.
    pub(super) fn is_inherited(&self) -> bool {
        self.mapping.is_inherited()
    }

    /// Puts `pages`, whole ones, to where they are missing, and wakes who waits for them. Pages that are there stay.
    ///
    /// Fails with `ENOENT` after [`FaultMapping::open_up`], with `ENOMEM` when there is no memory.
    pub(super) fn place(&self, offset: usize, pages: &[u8]) -> Result<()> {
        let target = self.range(offset, pages.len())?.start;
        let (mut done, mut at_once) = (0, pages.len());
        while done < pages.len() {
            let rest = &pages[done..pages.len().min(done + at_once)];
            // SAFETY: `range` has checked the bounds, and a missing page has never been seen by anyone.
            let (copied, result) = unsafe { self.uffd.copy(target + done as u64, rest) };
            done += copied;
            match result {
                Err(Errno::AGAIN) => thread::yield_now(),
                Err(Errno::EXIST) => done += page_size(),
                // Whoever reads the pages may have given some of them a policy of their own, as `mbind(2)` does. That
                // divides the mapping for the kernel, and no copy may go across the border.
                Err(Errno::NOENT) if at_once > page_size() => at_once = page_size(),
                result => result?,
            }
        }
        self.wake(offset, pages.len())
    }

    /// Drops `length` bytes from `offset` on, whole pages: they are missing again. Their readers are not woken.
    ///
    /// Fails with `EINVAL` when the pages are locked and the kernel is older than 5.18; then they stay.
    ///
    /// # Safety
    ///
    /// Whatever is put there later must be the same bytes.
    pub(super) unsafe fn discard(&self, offset: usize, length: usize) -> Result<()> {
        // SAFETY: the range is registered, so the next touch waits, and the caller vouches for the bytes.
        unsafe { self.mapping.discard(offset, length, self.locked) }
    }

    /// Lets who waits for these pages try again.
    pub(super) fn wake(&self, offset: usize, length: usize) -> Result<()> {
        self.uffd.wake(self.range(offset, length)?)
    }

    /// Lets every missing page be zero from now on, for those who wait too. Nothing can be placed any more.
    pub(super) fn open_up(&self) -> Result<()> {
        self.uffd.unregister(self.whole())?;
        // The kernel wakes who waits before it takes the registration back. Whoever begins to wait between the two would
        // do so for ever (seen with Linux 6.18, whose faults take the lock of one mapping only).
        self.uffd.wake(self.whole())
    }

    /// Takes the offset of the next fault that nobody has taken. Does not wait.
    pub(super) fn next_fault(&self) -> Option<usize> {
        let start = self.whole().start;
        self.uffd.next_fault().and_then(|address| usize::try_from(address.checked_sub(start)?).ok())
    }

    fn whole(&self) -> Range {
        Range { start: self.mapping.address().as_ptr() as u64, length: self.mapping.length() as u64 }
    }

    fn range(&self, offset: usize, length: usize) -> Result<Range> {
        Ok(Range { start: self.mapping.range(offset, length)? as u64, length: length as u64 })
    }
}

impl AsFd for FaultMapping {
    /// The descriptor that becomes readable when there is a fault.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.uffd.as_fd()
    }
}

impl Drop for FaultMapping {
    fn drop(&mut self) {
        // In a forked child the descriptor still means the parent's memory.
        if self.is_inherited() {
            return;
        }
        // While it is registered, a touch of a page that went away meanwhile would wait for ever.
        if self.open_up().is_ok() && self.mapping.make_accessible(0, self.mapping.length()).is_ok() {
            // SAFETY: all of it is writable now, the kernel has initialized it, and the borrows of it have ended.
            zeroize_resident(unsafe {
                std::slice::from_raw_parts_mut(self.address().as_ptr(), self.mapping.length())
            });
        }
    }
}

fn unavailable(error: Errno) -> MemoryError {
    MemoryError::Unavailable { source: error.into() }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::sync::Barrier;

    use super::*;
    use crate::support::{afterlife, fork, smaps};

    fn new(pages: usize) -> FaultMapping {
        FaultMapping::new(Uffd::open(), pages * page_size()).unwrap()
    }

    fn page(byte: u8) -> Vec<u8> {
        vec![byte; page_size()]
    }

    fn byte_of(mapping: &FaultMapping, page: usize) -> u8 {
        let address = mapping.address().as_ptr().wrapping_add(page * page_size());
        // SAFETY: the page belongs to the mapping, and a missing one is waited for.
        unsafe { address.read_volatile() }
    }

    #[test]
    fn a_kernel_without_userfaultfd_is_said_to_be_one() {
        for error in [Errno::PERM, Errno::NOSYS, Errno::INVAL] {
            let MemoryError::Unavailable { source } = FaultMapping::new(Err(error), 1).unwrap_err() else {
                panic!("the answer of the kernel is passed on")
            };
            assert_eq!(source.raw_os_error(), Some(error.raw_os_error()));
        }
    }

    #[test]
    fn a_reader_waits_until_its_page_is_placed() {
        let mapping = new(2);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| byte_of(&mapping, 1));
            let offset = std::iter::repeat_with(|| mapping.next_fault()).flatten().next().unwrap();
            assert_eq!(offset, page_size());
            mapping.place(offset, &page(7)).unwrap();
            assert_eq!(reader.join().unwrap(), 7);
        });
    }

    #[test]
    fn pages_that_are_there_stay_and_the_others_are_placed() {
        let mapping = new(4);
        for present in [1, 2] {
            mapping.place(present * page_size(), &page(1)).unwrap();
        }
        mapping.place(0, &page(2).repeat(4)).unwrap();
        assert_eq!([0, 1, 2, 3].map(|page| byte_of(&mapping, page)), [2, 1, 1, 2]);
    }

    #[test]
    fn a_mapping_that_its_reader_divided_takes_pages_across_the_border() {
        let mapping = new(4);
        let second = mapping.address().as_ptr().wrapping_add(page_size());
        // SAFETY: the page belongs to the mapping, and the advice changes no contents.
        let advised = unsafe { libc::madvise(second.cast(), page_size(), libc::MADV_RANDOM) };
        assert_eq!(advised, 0);
        mapping.place(0, &page(7).repeat(4)).unwrap();
        assert_eq!([0, 1, 2, 3].map(|page| byte_of(&mapping, page)), [7; 4]);
    }

    #[test]
    fn pages_past_the_end_are_refused() {
        assert_eq!(new(2).place(page_size(), &page(1).repeat(2)), Err(Errno::INVAL));
    }

    #[test]
    fn opening_up_lets_who_waits_read_zeros() {
        let mapping = new(2);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| byte_of(&mapping, 0));
            while mapping.next_fault().is_none() {}
            mapping.open_up().unwrap();
            assert_eq!((reader.join().unwrap(), byte_of(&mapping, 1)), (0, 0));
        });
        assert_eq!(mapping.place(0, &page(7)), Err(Errno::NOENT));
    }

    #[test]
    fn a_reader_that_comes_while_it_is_opened_up_goes_on_too() {
        for _ in 0..3000 {
            let (mapping, begin) = (new(1), Barrier::new(2));
            std::thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    begin.wait();
                    byte_of(&mapping, 0)
                });
                begin.wait();
                mapping.open_up().unwrap();
                assert_eq!(reader.join().unwrap(), 0);
            });
        }
    }

    #[test]
    fn a_fault_inside_a_system_call_is_an_error_there() {
        let (mapping, pipe) = (new(1), std::io::pipe().unwrap());
        // SAFETY: the kernel checks the address itself.
        let written = unsafe { libc::write(pipe.1.as_raw_fd(), mapping.address().as_ptr().cast(), 1) };
        assert_eq!((written, std::io::Error::last_os_error().raw_os_error()), (-1, Some(libc::EFAULT)));
    }

    /// Keeps a hold on the first page.
    fn remains(mapping: &FaultMapping) -> afterlife::Remains {
        // SAFETY: the page is there, and nobody reads or writes it through this reference.
        afterlife::Remains::of(unsafe {
            std::slice::from_raw_parts_mut(mapping.address().as_ptr(), page_size())
        })
    }

    #[test]
    fn pages_that_are_there_are_zeroized_when_dropped_whether_or_not_it_was_opened_up() {
        for opened_up in [false, true] {
            let mapping = new(5);
            mapping.place(0, &page(0xAB)).unwrap();
            let (control, rest) = (remains(&mapping), remains(&mapping));
            assert_eq!(control.read(), [0xAB; afterlife::LENGTH], "what this test rests on");
            if opened_up {
                mapping.open_up().unwrap();
            }
            drop(mapping);
            assert_eq!(rest.read(), [0; afterlife::LENGTH]);
        }
    }

    #[test]
    fn the_memory_is_read_only_undumped_not_inherited_and_locked_as_reported() {
        let mapping = new(3);
        mapping.place(0, &page(0xEE)).unwrap();
        let address = mapping.address().as_ptr();
        let flags = smaps::flags(address).unwrap();
        assert!(["dd", "dc", "um"].iter().all(|flag| flags.contains(&(*flag).into())), "{flags:?}");
        assert_eq!(flags.contains(&"lo".into()), mapping.is_locked(), "{flags:?}");
        assert_eq!(smaps::permissions(address).as_deref(), Some("r--p"));
        assert_eq!(fork::peek(address, 4), Err(libc::EFAULT));
    }
}
