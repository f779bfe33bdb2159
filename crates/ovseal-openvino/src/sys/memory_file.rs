//! Anonymous files in memory.

use std::ffi::c_void;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::process::{Pid, getpid};
use zeroize::Zeroize;

/// The contents of an anonymous file that another library or process wrote.
///
/// Core dumps leave the bytes out, child processes do not inherit them, other processes cannot
/// change them, and they are zeroized on drop.
pub(crate) struct FileBytes {
    start: NonNull<c_void>,
    length: usize,
    owner: Pid,
}

// SAFETY: only this value uses the mapping, which is not tied to a thread.
unsafe impl Send for FileBytes {}
// SAFETY: through a shared reference the memory is only read.
unsafe impl Sync for FileBytes {}

/// Creates an empty file, which is closed in programs that this process executes.
pub(crate) fn create_memory_file() -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    rustix::fs::memfd_create(c"ovseal", flags)
}

impl FileBytes {
    /// Takes the contents of a file. After this, nothing can change them.
    pub(crate) fn take(file: &OwnedFd) -> Result<Self, Errno> {
        // The seals prevent truncation, after which a read would fault. Sealing also rejects other
        // kinds of files before they are mapped and, in the end, zeroized.
        rustix::fs::fcntl_add_seals(file, SealFlags::SHRINK | SealFlags::GROW)?;
        let length = rustix::fs::fstat(file)?.st_size;
        let length = usize::try_from(length).map_err(|_| Errno::OVERFLOW)?;
        let bytes = Self::map(file, length)?;
        // The seals prevent writes and new writable mappings. An earlier mapping of another process
        // stays.
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
        // SAFETY: the kernel chooses an address where the new mapping overlaps nothing.
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
        // SAFETY: the mapping has `length` initialized bytes as long as `self` lives. In a forked
        // child it does not exist, and a read ends that child. If `length` is 0, the pointer only
        // has to be non-null and aligned. The seals prevent writes, except through a mapping that
        // was created before them. Only root, or a process of the same user through `/proc`, can
        // create one; hardening this process prevents the latter.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }
}

impl Drop for FileBytes {
    fn drop(&mut self) {
        // A forked child does not have the mapping, and may have a different one at this address.
        if self.length == 0 || self.owner != getpid() {
            return;
        }
        // SAFETY: the mapping has `length` bytes, and `&mut` shows that nothing borrows them.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast::<u8>(), self.length) };
        bytes.zeroize();
        // SAFETY: only this value uses the mapping, and not again. Unmapping an existing mapping
        // succeeds.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_contents_can_be_read_but_not_written_or_truncated() {
        let file = create_memory_file().unwrap();
        rustix::io::write(&file, b"plaintext").unwrap();
        let bytes = FileBytes::take(&file).unwrap();
        assert_eq!(rustix::io::write(&file, b"other"), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&file, 0), Err(Errno::PERM));
        assert_eq!(bytes.as_ref(), b"plaintext");
    }

    #[test]
    fn other_kinds_of_files_are_rejected_and_unchanged() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"foreign").unwrap();
        let opened = std::fs::File::options().read(true).write(true).open(file.path()).unwrap();
        assert_eq!(FileBytes::take(&opened.into()).err(), Some(Errno::INVAL));
        assert_eq!(std::fs::read(file.path()).unwrap(), b"foreign");
    }

    #[test]
    fn an_empty_file_has_no_bytes() {
        assert_eq!(FileBytes::take(&create_memory_file().unwrap()).unwrap().as_ref(), b"");
    }
}
