//! A read-only mapping whose owner places the missing pages.

use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::uffd::{Range, Uffd};
use super::{Errno, Mapping, Result, page_size, zeroize_resident};

/// Missing pages, whose readers wait until [`FaultMapping::place`] provides them.
///
/// After [`FaultMapping::open_up`], all missing pages are zero and no reader waits.
#[derive(Debug)]
pub(crate) struct FaultMapping {
    mapping: Mapping,
    uffd: Uffd,
    is_locked: AtomicBool,
}

impl FaultMapping {
    /// Registers the pages of `mapping`, all of which are still missing. `is_locked` states whether
    /// they are locked.
    pub(crate) fn new(uffd: Uffd, mapping: Mapping, is_locked: bool) -> Result<Self> {
        let memory = Self { mapping, uffd, is_locked: AtomicBool::new(is_locked) };
        // SAFETY: the range belongs to this value, which on drop unregisters it first of all.
        unsafe { memory.uffd.register(memory.whole()) }?;
        Ok(memory)
    }

    /// Returns the first address, which never changes.
    pub(crate) fn address(&self) -> NonNull<u8> {
        self.mapping.address()
    }

    /// Returns whether the pages can never be swapped out.
    pub(crate) fn is_locked(&self) -> bool {
        self.is_locked.load(Ordering::Relaxed)
    }

    /// Returns whether this process is a forked child of the one that made the mapping.
    pub(crate) fn is_inherited(&self) -> bool {
        self.mapping.is_inherited()
    }

    /// Places whole pages where they are missing and wakes their waiters. Present pages stay.
    ///
    /// Fails with `ENOENT` after [`FaultMapping::open_up`], with `ENOMEM` if there is no memory.
    pub(crate) fn place(&self, offset: usize, pages: &[u8]) -> Result<()> {
        let target = self.range(offset, pages.len())?.start;
        let (mut done, mut at_once) = (0, pages.len());
        while done < pages.len() {
            let rest = &pages[done..pages.len().min(done + at_once)];
            // SAFETY: `range` checked the bounds. A missing page either was never seen by anyone,
            // or `discard` dropped it and its caller answers for the bytes.
            let (copied, result) = unsafe { self.uffd.copy(target + done as u64, rest) };
            done += copied;
            match result {
                Err(Errno::AGAIN) => thread::yield_now(),
                Err(Errno::EXIST) => done += page_size(),
                // A reader may have given some pages a separate memory policy (`mbind(2)`). The
                // kernel then splits the mapping, and no copy may cross the boundary.
                Err(Errno::NOENT) if at_once > page_size() => at_once = page_size(),
                result => result?,
            }
        }
        self.wake(offset, pages.len())
    }

    /// Drops `length` bytes of whole pages, starting at `offset`, which are then missing again.
    /// Wakes no reader.
    ///
    /// If the pages are locked and the kernel is older than 5.18, they stay and this fails with
    /// `EINVAL`.
    ///
    /// # Safety
    ///
    /// Only the same bytes may be placed there later.
    pub(crate) unsafe fn discard(&self, offset: usize, length: usize) -> Result<()> {
        // SAFETY: the range is registered, so the next access waits. The caller answers for the
        // bytes.
        unsafe { self.mapping.discard(offset, length, self.is_locked()) }
    }

    /// Lets the waiters for these pages try again.
    pub(crate) fn wake(&self, offset: usize, length: usize) -> Result<()> {
        self.uffd.wake(self.range(offset, length)?)
    }

    /// Makes every missing page zero from now on, including for current waiters. No page can be
    /// placed after this.
    pub(crate) fn open_up(&self) -> Result<()> {
        self.open_up_range(0, self.mapping.length())
    }

    /// Does the same as [`FaultMapping::open_up`] for `length` bytes from `offset` on.
    pub(crate) fn open_up_range(&self, offset: usize, length: usize) -> Result<()> {
        let range = self.range(offset, length)?;
        self.uffd.unregister(range)?;
        // The kernel wakes the waiters before it unregisters the range. A reader that starts to
        // wait in between would wait forever. This was seen with Linux 6.18, where a fault locks
        // one mapping only.
        self.uffd.wake(range)
    }

    /// Takes the offset of the next pending fault, and the number of its thread. Does not wait.
    pub(crate) fn next_fault(&self) -> Option<(usize, u32)> {
        let fault = self.uffd.next_fault()?;
        let offset = fault.address.checked_sub(self.whole().start)?;
        Some((usize::try_from(offset).ok()?, fault.thread))
    }

    /// Makes the kernel keep small pages, and able to drop locked ones: before Linux 5.18, the
    /// pages are unlocked for that.
    pub(crate) fn allow_dropping(&self) -> Result<()> {
        self.mapping.use_small_pages()?;
        if self.is_locked() && !Mapping::can_drop_locked_pages() {
            self.mapping.unlock()?;
            self.is_locked.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    fn whole(&self) -> Range {
        Range { start: self.mapping.address().as_ptr() as u64, length: self.mapping.length() as u64 }
    }

    fn range(&self, offset: usize, length: usize) -> Result<Range> {
        Ok(Range { start: self.mapping.range(offset, length)? as u64, length: length as u64 })
    }
}

impl AsFd for FaultMapping {
    /// Returns the descriptor that becomes readable when there is a fault.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.uffd.as_fd()
    }
}

impl Drop for FaultMapping {
    fn drop(&mut self) {
        // A forked child must not unregister: the descriptor still refers to the parent's memory.
        if self.is_inherited() {
            return;
        }
        // While the range is registered, an access to a page that has just been dropped would wait
        // forever.
        if self.open_up().is_ok() && self.mapping.make_accessible(0, self.mapping.length()).is_ok() {
            // SAFETY: all of it is writable now, the kernel has initialized it, and its borrows
            // have ended.
            zeroize_resident(unsafe {
                std::slice::from_raw_parts_mut(self.address().as_ptr(), self.mapping.length())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::sync::Barrier;

    use super::*;
    use crate::support::afterlife;

    fn new(pages: usize) -> FaultMapping {
        let mapping = Mapping::anonymous(pages * page_size()).unwrap();
        FaultMapping::new(Uffd::open().unwrap(), mapping, false).unwrap()
    }

    fn page(byte: u8) -> Vec<u8> {
        vec![byte; page_size()]
    }

    fn byte_of(mapping: &FaultMapping, page: usize) -> u8 {
        let address = mapping.address().as_ptr().wrapping_add(page * page_size());
        // SAFETY: the page belongs to the mapping, and the read waits for a missing one.
        unsafe { address.read_volatile() }
    }

    #[test]
    fn a_reader_waits_until_its_page_is_placed() {
        let mapping = new(2);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| byte_of(&mapping, 1));
            let (offset, thread) = std::iter::repeat_with(|| mapping.next_fault()).flatten().next().unwrap();
            assert_eq!(offset, page_size());
            assert_ne!(i64::from(thread), i64::from(rustix::thread::gettid().as_raw_nonzero().get()));
            mapping.place(offset, &page(7)).unwrap();
            assert_eq!(reader.join().unwrap(), 7);
        });
    }

    #[test]
    fn present_pages_stay_and_the_others_are_placed() {
        let mapping = new(4);
        for present in [1, 2] {
            mapping.place(present * page_size(), &page(1)).unwrap();
        }
        mapping.place(0, &page(2).repeat(4)).unwrap();
        assert_eq!([0, 1, 2, 3].map(|page| byte_of(&mapping, page)), [2, 1, 1, 2]);
    }

    #[test]
    fn a_mapping_that_its_reader_split_takes_pages_across_the_border() {
        let mapping = new(4);
        let second = mapping.address().as_ptr().wrapping_add(page_size());
        // SAFETY: the page belongs to the mapping, and the advice changes no contents.
        let advised = unsafe { libc::madvise(second.cast(), page_size(), libc::MADV_RANDOM) };
        assert_eq!(advised, 0);
        mapping.place(0, &page(7).repeat(4)).unwrap();
        assert_eq!([0, 1, 2, 3].map(|page| byte_of(&mapping, page)), [7; 4]);
    }

    #[test]
    fn pages_past_the_end_are_rejected() {
        assert_eq!(new(2).place(page_size(), &page(1).repeat(2)), Err(Errno::INVAL));
    }

    #[test]
    fn opening_up_lets_waiters_read_zeros() {
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
    fn a_reader_that_arrives_during_opening_up_goes_on_too() {
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

    /// Keeps access to the first page.
    fn remains(mapping: &FaultMapping) -> afterlife::Remains {
        // SAFETY: the page is present, and nothing reads or writes it through this reference.
        afterlife::Remains::of(unsafe {
            std::slice::from_raw_parts_mut(mapping.address().as_ptr(), page_size())
        })
    }

    #[test]
    fn present_pages_are_zeroized_on_drop_whether_or_not_opened_up() {
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
}
