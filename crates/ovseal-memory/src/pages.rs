//! Pages for secrets, between two guard pages.

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::NonNull;

use zeroize::Zeroize;

use crate::sys::{Errno, Mapping, Result, abort, page_size, whole_pages};

/// Pages for a secret, with an inaccessible page on either side.
///
/// They start as zeros and are zeroized before they are unmapped.
#[derive(Debug)]
pub struct SecretPages {
    mapping: Mapping,
    kind: Kind,
}

/// Access to the pages of a secret.
///
/// This trait seals [`Parkable`](crate::Parkable), because its module is private.
pub trait Pages {
    fn pages(&self) -> &SecretPages;
}

/// The protection of the pages against other readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `memfd_secret(2)`: outside the kernel's own address space, never swapped out.
    Secret,
    /// Ordinary locked memory, so never swapped out.
    Locked,
    /// Ordinary memory that the limit did not allow to lock.
    Unlocked,
}

impl SecretPages {
    /// Maps pages for at least `length` bytes, of the best kind that the kernel offers.
    pub(crate) fn new(length: usize) -> Result<Self> {
        Self::secret(length).or_else(|_| Self::anonymous(length))
    }

    /// Maps pages for `layout`. If that fails, ends the process as a failed allocation does.
    pub(crate) fn for_layout(layout: Layout) -> Self {
        Self::new(layout.size()).unwrap_or_else(|_| handle_alloc_error(layout))
    }

    /// Maps secret memory, which requires Linux 5.14 and room in the limit for locked memory.
    pub(crate) fn secret(length: usize) -> Result<Self> {
        let length = whole_pages(length).ok_or(Errno::NOMEM)?;
        let pages = Mapping::secret(length)?;
        // `MADV_WIPEONFORK` is for private memory only, so a child gets no mapping at all.
        pages.leave_out_of_forks(0, length)?;
        let mapping = reserve(length)?.overlay(page_size(), pages)?;
        Ok(Self { mapping, kind: Kind::Secret })
    }

    /// Maps ordinary memory, locked if the limit allows.
    pub(crate) fn anonymous(length: usize) -> Result<Self> {
        let length = whole_pages(length).ok_or(Errno::NOMEM)?;
        let mapping = reserve(length)?;
        mapping.make_accessible(page_size(), length)?;
        mapping.leave_out_of_dumps(page_size(), length)?;
        let wiped = mapping.wipe_in_forks(page_size(), length);
        wiped.or_else(|_| mapping.leave_out_of_forks(page_size(), length))?;
        let kind = mapping.lock(page_size(), length).map_or(Kind::Unlocked, |()| Kind::Locked);
        Ok(Self { mapping, kind })
    }

    /// Returns the protection of the pages against other readers.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns whether this process is a forked child of the one that made the pages.
    ///
    /// A forked child has lost the pages.
    pub(crate) fn is_inherited(&self) -> bool {
        self.mapping.is_inherited()
    }

    /// Makes the pages inaccessible. Their bytes stay in place and locked.
    pub(crate) fn park(&self) {
        if !self.is_inherited() {
            // This fails only if the kernel lacks memory for its own tables. The pages then stay
            // readable.
            let _ = self.mapping.make_inaccessible(page_size(), self.length());
        }
    }

    /// Makes the pages readable and writable again.
    ///
    /// Aborts a forked child, as [`address`](Self::address) does.
    pub(crate) fn unpark(&self) -> Result<()> {
        if self.is_inherited() {
            abort();
        }
        self.mapping.make_accessible(page_size(), self.length())
    }

    /// Returns the address of the first byte, which is page-aligned and never changes.
    ///
    /// Aborts a forked child. Its pages are gone or zero, and encrypting under a key of zeros would
    /// be worse.
    pub(crate) fn address(&self) -> NonNull<u8> {
        if self.is_inherited() {
            abort();
        }
        // SAFETY: a guard page precedes the pages in the same mapping.
        unsafe { self.mapping.address().add(page_size()) }
    }

    /// Returns all bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the pages between the guards are readable, initialized by the kernel, and
        // borrowed with `self`.
        unsafe { std::slice::from_raw_parts(self.address().as_ptr(), self.length()) }
    }

    /// Returns all bytes, writable.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the pages between the guards are writable, initialized by the kernel, and
        // borrowed exclusively with `self`.
        unsafe { std::slice::from_raw_parts_mut(self.address().as_ptr(), self.length()) }
    }

    fn length(&self) -> usize {
        self.mapping.length() - 2 * page_size()
    }
}

impl Drop for SecretPages {
    fn drop(&mut self) {
        if !self.is_inherited() {
            self.bytes_mut().zeroize();
        }
    }
}

/// Reserves addresses for `length` bytes and a guard page on either side.
fn reserve(length: usize) -> Result<Mapping> {
    Mapping::inaccessible(length.checked_add(2 * page_size()).ok_or(Errno::NOMEM)?)
}

/// Bytes of the smallest page on any supported kernel.
pub(crate) const SMALLEST_PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::support::{afterlife, fork, smaps};

    /// Reads one byte as a debugger would.
    fn read_from_outside(pages: &SecretPages) -> std::io::Result<u8> {
        let mut byte = [0];
        let memory = File::open("/proc/self/mem")?;
        memory.read_exact_at(&mut byte, pages.address().as_ptr() as u64)?;
        Ok(byte[0])
    }

    /// Reads one byte with `process_vm_readv(2)`.
    fn read_from_process(pages: &SecretPages) -> std::io::Result<u8> {
        let mut byte = 0_u8;
        let to = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let from = libc::iovec { iov_base: pages.address().as_ptr().cast(), iov_len: 1 };
        let process = std::process::id().cast_signed();
        // SAFETY: one byte is written, to `byte`. The other range is only read.
        match unsafe { libc::process_vm_readv(process, &raw const to, 1, &raw const from, 1, 0) } {
            1 => Ok(byte),
            _ => Err(std::io::Error::last_os_error()),
        }
    }

    #[test]
    fn secret_memory_is_locked_undumped_and_unreadable_from_outside() {
        let Ok(mut pages) = SecretPages::secret(1) else {
            let kind = SecretPages::new(1).unwrap().kind();
            return assert_ne!(kind, Kind::Secret, "without secret memory the pages are ordinary ones");
        };
        pages.bytes_mut()[0] = 0xAB;
        smaps::assert_flags(pages.address().as_ptr(), &["dd", "dc"], true);
        assert_eq!(read_from_outside(&pages).unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(read_from_process(&pages).unwrap_err().raw_os_error(), Some(libc::EFAULT));
        assert_eq!(SecretPages::new(1).unwrap().kind(), Kind::Secret);
    }

    #[test]
    fn ordinary_memory_is_undumped_wiped_on_fork_and_locked_as_reported() {
        let mut pages = SecretPages::anonymous(1).unwrap();
        pages.bytes_mut()[0] = 0xAB;
        smaps::assert_flags(pages.address().as_ptr(), &["dd", "wf"], pages.kind() == Kind::Locked);
        assert_eq!(read_from_outside(&pages).unwrap(), 0xAB, "what the test of secret memory rests on");
        assert_eq!(read_from_process(&pages).unwrap(), 0xAB, "what the test of secret memory rests on");
    }

    #[test]
    fn secret_memory_is_zeroized_when_dropped() {
        let Ok(mut pages) = SecretPages::secret(1) else {
            return assert_ne!(SecretPages::new(1).unwrap().kind(), Kind::Secret);
        };
        pages.bytes_mut().fill(0xAB);
        let alias = afterlife::alias(pages.address().as_ptr());
        // SAFETY: the second mapping is readable and stays.
        assert_eq!(unsafe { alias.read_volatile() }, 0xAB);
        drop(pages);
        // SAFETY: as above. Dropping unmapped only the first mapping.
        assert_eq!(unsafe { alias.read_volatile() }, 0);
    }

    #[test]
    fn ordinary_memory_is_zeroized_when_dropped() {
        let mut pages = SecretPages::anonymous(1).unwrap();
        pages.bytes_mut().fill(0xAB);
        let control = afterlife::Remains::of(pages.bytes_mut());
        let remains = afterlife::Remains::of(pages.bytes_mut());
        pages.bytes_mut().fill(0xCD);
        assert_eq!(control.read(), [0xCD; afterlife::LENGTH], "later changes are visible");
        drop(pages);
        assert_eq!(remains.read(), [0; afterlife::LENGTH]);
    }

    #[test]
    fn both_neighbours_are_inaccessible() {
        for pages in [SecretPages::new(1).unwrap(), SecretPages::anonymous(3 * page_size()).unwrap()] {
            let first = pages.address().as_ptr();
            let after = first.wrapping_add(pages.length());
            for guard in [first.wrapping_sub(1), after] {
                assert_eq!(smaps::permissions(guard).as_deref(), Some("---p"));
            }
            for inside in [first, after.wrapping_sub(1)] {
                assert!(smaps::permissions(inside).unwrap().starts_with("rw-"));
            }
        }
    }

    #[test]
    fn a_forked_child_reads_zeros_from_ordinary_memory() {
        let mut pages = SecretPages::anonymous(1).unwrap();
        pages.bytes_mut()[..4].copy_from_slice(b"keys");
        assert_eq!(fork::peek(pages.address().as_ptr(), 4), Ok(vec![0; 4]));
        assert_eq!(&pages.bytes()[..4], b"keys");
    }

    #[test]
    fn a_forked_child_has_no_secret_memory() {
        let Ok(mut pages) = SecretPages::secret(1) else {
            return assert_ne!(SecretPages::new(1).unwrap().kind(), Kind::Secret);
        };
        pages.bytes_mut()[..4].copy_from_slice(b"keys");
        assert_eq!(fork::peek(pages.address().as_ptr(), 4), Err(libc::EFAULT));
        assert_eq!(&pages.bytes()[..4], b"keys");
    }

    #[test]
    fn dropping_in_a_forked_child_does_nothing() {
        let pages = [SecretPages::new(1).unwrap(), SecretPages::anonymous(1).unwrap()];
        assert_eq!(fork::exit_code(move || drop(pages)), Some(0));
    }

    #[test]
    fn lengths_past_the_address_space_are_rejected() {
        for length in [usize::MAX, usize::MAX - 2 * page_size(), isize::MAX as usize] {
            assert_eq!(SecretPages::new(length).unwrap_err(), Errno::NOMEM);
        }
    }
}
