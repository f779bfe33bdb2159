//! A range of pages, unmapped on drop.

use std::ffi::c_void;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::io::{Errno, Result};
use rustix::mm::{Advice, MapFlags, MlockFlags, MprotectFlags, MremapFlags, ProtFlags};
use rustix::process::{Pid, getpid};

/// Whole pages of this process's address space, referred to by nothing else.
///
/// A forked child has a copy of this value, but perhaps not of the pages (`MADV_DONTFORK`). Other
/// memory may be mapped at their address by then, so the child leaves the address alone.
#[derive(Debug)]
pub(crate) struct Mapping {
    address: NonNull<u8>,
    length: usize,
    owner: Pid,
}

impl Mapping {
    /// Maps `length` zero bytes, readable and writable, private to the process.
    pub(crate) fn anonymous(length: usize) -> Result<Self> {
        Self::private(length, ProtFlags::READ | ProtFlags::WRITE)
    }

    /// Reserves addresses at which every access faults, without using memory.
    pub(crate) fn inaccessible(length: usize) -> Result<Self> {
        Self::private(length, ProtFlags::empty())
    }

    /// Maps `length` bytes that the kernel itself cannot read: `memfd_secret(2)`, since Linux 5.14.
    ///
    /// The kernel counts these bytes against the limit for locked memory, never swaps them out, and
    /// leaves them out of dumps.
    pub(crate) fn secret(length: usize) -> Result<Self> {
        let file = secret_file()?;
        rustix::fs::ftruncate(&file, length as u64)?;
        Self::file(file.as_fd(), length)
    }

    /// Maps `length` zero bytes at a multiple of `alignment`, a power of two of at least one page.
    pub(crate) fn aligned(length: usize, alignment: usize) -> Result<Self> {
        let spare = alignment - page_size();
        let mut mapping = Self::anonymous(length.checked_add(spare).ok_or(Errno::NOMEM)?)?;
        let front = mapping.address.align_offset(alignment);
        mapping.trim_front(front)?;
        mapping.trim_back(spare - front)?;
        Ok(mapping)
    }

    fn private(length: usize, protection: ProtFlags) -> Result<Self> {
        // SAFETY: given no address, the kernel chooses one at which nothing is mapped.
        let address =
            unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), length, protection, MapFlags::PRIVATE) }?;
        Self::from_kernel(address, length)
    }

    fn file(file: impl AsFd, length: usize) -> Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: given no address, the kernel chooses one at which nothing is mapped.
        let address =
            unsafe { rustix::mm::mmap(ptr::null_mut(), length, protection, MapFlags::SHARED, file, 0) }?;
        Self::from_kernel(address, length)
    }

    fn from_kernel(address: *mut c_void, length: usize) -> Result<Self> {
        let address = NonNull::new(address.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self { address, length, owner: getpid() })
    }

    /// Moves the pages of `page` to `offset` in this mapping, replacing what is there.
    ///
    /// Fails with `EINVAL` if the pages would reach past the end of this mapping.
    pub(crate) fn overlay(self, offset: usize, page: Self) -> Result<Self> {
        let (from, to) = (page.address.as_ptr().cast(), self.range(offset, page.length)?);
        // SAFETY: this function owns both ranges, and `range` has checked where the second ends.
        let moved =
            unsafe { rustix::mm::mremap_fixed(from, page.length, page.length, MremapFlags::MAYMOVE, to) };
        match moved {
            Ok(_) => {
                std::mem::forget(page);
                Ok(self)
            }
            Err(error) => {
                // The kernel may have left a hole, into which another thread may have mapped
                // memory.
                std::mem::forget(self);
                Err(error)
            }
        }
    }

    /// Returns the first address, which never changes.
    pub(crate) fn address(&self) -> NonNull<u8> {
        self.address
    }

    /// Returns the number of bytes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Returns whether this process is a forked child of the one that made the mapping.
    pub(crate) fn is_inherited(&self) -> bool {
        self.owner != getpid()
    }

    /// Makes `length` bytes starting at `offset` readable and writable.
    pub(crate) fn make_accessible(&self, offset: usize, length: usize) -> Result<()> {
        let flags = MprotectFlags::READ | MprotectFlags::WRITE;
        let start = self.range(offset, length)?;
        // SAFETY: `range` checked that the bytes belong to this mapping. More access breaks no
        // reference.
        unsafe { rustix::mm::mprotect(start, length, flags) }
    }

    /// Makes every access to `length` bytes starting at `offset` fault. Nothing may be borrowing
    /// them.
    pub(crate) fn make_inaccessible(&self, offset: usize, length: usize) -> Result<()> {
        let start = self.range(offset, length)?;
        // SAFETY: `range` checked that the bytes belong to this mapping, and the caller guarantees
        // that none is borrowed.
        unsafe { rustix::mm::mprotect(start, length, MprotectFlags::empty()) }
    }

    /// Makes the whole mapping read-only.
    ///
    /// Its memory stays accounted for, so it can be made writable again.
    pub(crate) fn make_read_only(&self) -> Result<()> {
        // SAFETY: the whole range belongs to this mapping, which has handed out no exclusive
        // reference.
        unsafe { rustix::mm::mprotect(self.address.as_ptr().cast(), self.length, MprotectFlags::READ) }
    }

    /// Returns `length` bytes starting at `offset` to the kernel.
    ///
    /// If they are `locked` in memory, this requires Linux 5.18.
    ///
    /// # Safety
    ///
    /// Nothing may rely on these bytes, unless the next access waits until the same bytes are there
    /// again.
    pub(crate) unsafe fn discard(&self, offset: usize, length: usize, locked: bool) -> Result<()> {
        let advice = if locked { Advice::LinuxDontneedLocked } else { Advice::LinuxDontNeed };
        let start = self.range(offset, length)?;
        // SAFETY: `range` checked that the bytes belong to this mapping. The caller answers for
        // their readers.
        unsafe { rustix::mm::madvise(start, length, advice) }
    }

    /// Returns whether the kernel can drop locked pages: since Linux 5.18.
    pub(crate) fn can_drop_locked_pages() -> bool {
        // SAFETY: nothing relies on the bytes of this new mapping.
        Self::anonymous(page_size()).is_ok_and(|page| unsafe { page.discard(0, page.length, true) }.is_ok())
    }

    /// Keeps the kernel from replacing small pages by huge ones, of which no part can be dropped
    /// without splitting them.
    pub(crate) fn use_small_pages(&self) -> Result<()> {
        match self.advise(0, self.length, Advice::LinuxNoHugepage) {
            // The kernel has no huge pages.
            Err(Errno::INVAL) => Ok(()),
            result => result,
        }
    }

    /// Leaves `length` bytes starting at `offset` out of core dumps.
    pub(crate) fn leave_out_of_dumps(&self, offset: usize, length: usize) -> Result<()> {
        self.advise(offset, length, Advice::LinuxDontDump)
    }

    /// Leaves `length` bytes starting at `offset` unmapped in forked children.
    pub(crate) fn leave_out_of_forks(&self, offset: usize, length: usize) -> Result<()> {
        self.advise(offset, length, Advice::LinuxDontFork)
    }

    /// Makes `length` bytes starting at `offset` read as zeros in forked children.
    ///
    /// This works for private memory only, since Linux 4.14.
    pub(crate) fn wipe_in_forks(&self, offset: usize, length: usize) -> Result<()> {
        self.advise(offset, length, Advice::LinuxWipeOnFork)
    }

    /// Brings `length` bytes starting at `offset` into memory and keeps them there.
    pub(crate) fn lock(&self, offset: usize, length: usize) -> Result<()> {
        let start = self.range(offset, length)?;
        // SAFETY: `range` checked that the bytes belong to this mapping. Locking changes no
        // contents.
        unsafe { rustix::mm::mlock(start, length) }
    }

    /// Keeps each page in memory after it is first touched.
    pub(crate) fn lock_on_fault(&self) -> Result<()> {
        // SAFETY: the whole range belongs to this mapping; locking changes no contents.
        unsafe { rustix::mm::mlock_with(self.address.as_ptr().cast(), self.length, MlockFlags::ONFAULT) }
    }

    /// Allows the pages to be swapped out again.
    pub(crate) fn unlock(&self) -> Result<()> {
        // SAFETY: the whole range belongs to this mapping; unlocking changes no contents.
        unsafe { rustix::mm::munlock(self.address.as_ptr().cast(), self.length) }
    }

    fn advise(&self, offset: usize, length: usize, advice: Advice) -> Result<()> {
        let start = self.range(offset, length)?;
        // SAFETY: `range` checked that the bytes belong to this mapping, and no advice given here
        // changes them.
        unsafe { rustix::mm::madvise(start, length, advice) }
    }

    /// Returns the address of `length` bytes starting at `offset`, or `EINVAL` if they extend past
    /// the end.
    pub(crate) fn range(&self, offset: usize, length: usize) -> Result<*mut c_void> {
        match self.length.checked_sub(offset) {
            Some(rest) if length <= rest => Ok(self.address.as_ptr().wrapping_add(offset).cast()),
            _ => Err(Errno::INVAL),
        }
    }

    fn trim_front(&mut self, bytes: usize) -> Result<()> {
        if bytes > 0 {
            let start = self.range(0, bytes)?;
            // SAFETY: the bytes are the start of this mapping, which has handed out no reference.
            unsafe { rustix::mm::munmap(start, bytes) }?;
            // SAFETY: `range` checked that the mapping has this many bytes.
            self.address = unsafe { self.address.add(bytes) };
            self.length -= bytes;
        }
        Ok(())
    }

    fn trim_back(&mut self, bytes: usize) -> Result<()> {
        if bytes > 0 {
            let start = self.range(self.length.saturating_sub(bytes), bytes)?;
            // SAFETY: the bytes are the end of this mapping, which has handed out no reference.
            unsafe { rustix::mm::munmap(start, bytes) }?;
            self.length -= bytes;
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if !self.is_inherited() {
            // SAFETY: the pages belong to this value, whose borrows have ended. A failure only
            // leaves them mapped.
            let _ = unsafe { rustix::mm::munmap(self.address.as_ptr().cast(), self.length) };
        }
    }
}

// SAFETY: a mapping belongs to the process, not to a thread, and this value is its only owner.
unsafe impl Send for Mapping {}

// SAFETY: a shared reference only returns an address and changes what the kernel does with pages.
unsafe impl Sync for Mapping {}

fn secret_file() -> Result<OwnedFd> {
    // SAFETY: the call takes one integer and touches no memory of ours.
    let descriptor = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let descriptor = i32::try_from(descriptor).map_err(|_| Errno::BADF)?;
    if descriptor < 0 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::NOSYS));
    }
    // SAFETY: the kernel has just created this descriptor, so nothing else closes it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Rounds up to whole pages, at least one. `None` past the end of the address space.
pub(crate) fn whole_pages(length: usize) -> Option<usize> {
    length.max(1).checked_next_multiple_of(page_size())
}

/// Returns the page size of this kernel.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_past_the_end_are_refused() {
        let mapping = Mapping::anonymous(2 * page_size()).unwrap();
        for (offset, length) in
            [(0, 2 * page_size() + 1), (page_size(), page_size() + 1), (3 * page_size(), 0)]
        {
            assert_eq!(mapping.lock(offset, length), Err(Errno::INVAL));
        }
        let page = Mapping::anonymous(page_size()).unwrap();
        assert_eq!(mapping.overlay(2 * page_size(), page).unwrap_err(), Errno::INVAL);
    }

    #[test]
    fn pages_that_are_moved_into_a_mapping_keep_their_contents() {
        let page = Mapping::anonymous(page_size()).unwrap();
        // SAFETY: the page is writable, and nothing else refers to it.
        unsafe { page.address().write(7) };
        let mapping = Mapping::inaccessible(3 * page_size()).unwrap().overlay(page_size(), page).unwrap();
        let moved = mapping.address().as_ptr().wrapping_add(page_size());
        // SAFETY: the page that was moved there is readable.
        assert_eq!(unsafe { moved.read() }, 7);
    }

    #[test]
    fn lengths_are_rounded_up_to_whole_pages() {
        let page = page_size();
        let rounded = [0, 1, page, page + 1, usize::MAX].map(whole_pages);
        assert_eq!(rounded, [Some(page), Some(page), Some(page), Some(2 * page), None]);
    }
}
