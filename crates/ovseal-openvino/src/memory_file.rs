//! A file without a name, in memory.

use std::ffi::c_void;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::process::{Pid, getpid};
use zeroize::Zeroize;

/// What others wrote to a file without a name.
///
/// The bytes are left out of core dumps, a child process does not inherit them, no other process can change them from now on, and
/// they are zeroized when dropped.
pub(crate) struct FileBytes {
    start: NonNull<c_void>,
    length: usize,
    owner: Pid,
}

// SAFETY: the mapping belongs to this value alone and is not tied to a thread.
unsafe impl Send for FileBytes {}
// SAFETY: through a shared reference the memory is only read.
unsafe impl Sync for FileBytes {}

/// Makes an empty file that child programs do not inherit.
pub(crate) fn create() -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    rustix::fs::memfd_create(c"ovseal", flags)
}

impl FileBytes {
    /// Takes what was written. From here on nobody can change it.
    pub(crate) fn take(file: &OwnedFd) -> Result<Self, Errno> {
        // From here on nobody can cut the file, which would make reading a fault. Files of other kinds are refused before they are
        // mapped: what is mapped is zeroized in the end.
        rustix::fs::fcntl_add_seals(file, SealFlags::SHRINK | SealFlags::GROW)?;
        let length = rustix::fs::fstat(file)?.st_size;
        let length = usize::try_from(length).map_err(|_| Errno::OVERFLOW)?;
        let bytes = Self::map(file, length)?;
        // Nor can anybody write to it or map it to write. A mapping that another process made before stays.
        rustix::fs::fcntl_add_seals(file, SealFlags::FUTURE_WRITE | SealFlags::SEAL)?;
        Ok(bytes)
    }

    fn map(file: &OwnedFd, length: usize) -> Result<Self, Errno> {
        let owner = getpid();
        if length == 0 {
            return Ok(Self { start: NonNull::dangling(), length, owner });
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let nowhere = std::ptr::null_mut();
        // SAFETY: a new mapping, at a place that the kernel chooses, overlaps nothing.
        let start = unsafe { rustix::mm::mmap(nowhere, length, access, MapFlags::SHARED, file, 0) }?;
        let bytes = Self { start: NonNull::new(start).ok_or(Errno::NOMEM)?, length, owner };
        bytes.advise(Advice::LinuxDontDump)?;
        bytes.advise(Advice::LinuxDontFork)?;
        Ok(bytes)
    }

    fn advise(&self, advice: Advice) -> Result<(), Errno> {
        // SAFETY: neither advice changes the contents of the mapping for this process.
        unsafe { rustix::mm::madvise(self.start.as_ptr(), self.length, advice) }
    }
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the mapping has `length` initialized bytes as long as `self`; in a forked child they are missing, and a touch ends
        // it. Without bytes the pointer is not null and aligned, which is all that it has to be. The seals keep everybody from writing who did
        // not map the file between its creation and them. That takes a process of the same user that looks into `/proc`, or root;
        // the former is shut out when this process is hardened.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }
}

impl Drop for FileBytes {
    fn drop(&mut self) {
        // A forked child has no such mapping, and at its place may stand something else.
        if self.length == 0 || self.owner != getpid() {
            return;
        }
        // SAFETY: the mapping has `length` bytes, and `&mut` shows that nobody borrows them.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast::<u8>(), self.length) };
        bytes.zeroize();
        // SAFETY: the mapping is this value's own and is not used again. That it exists is why unmapping cannot fail.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_cannot_be_written_or_cut_any_more() {
        let file = create().unwrap();
        rustix::io::write(&file, b"plaintext").unwrap();
        let bytes = FileBytes::take(&file).unwrap();
        assert_eq!(rustix::io::write(&file, b"other"), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&file, 0), Err(Errno::PERM));
        assert_eq!(bytes.as_ref(), b"plaintext");
    }

    #[test]
    fn files_of_other_kinds_are_refused_and_keep_what_they_hold() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"somebody's").unwrap();
        let opened = std::fs::File::options().read(true).write(true).open(file.path()).unwrap();
        assert_eq!(FileBytes::take(&opened.into()).err(), Some(Errno::INVAL));
        assert_eq!(std::fs::read(file.path()).unwrap(), b"somebody's");
    }

    #[test]
    fn nothing_written_is_no_bytes() {
        assert_eq!(FileBytes::take(&create().unwrap()).unwrap().as_ref(), b"");
    }
}
