//! A compiled model as bytes, in memory.

use std::ffi::{CStr, c_void};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use openvino_sys::ov_status_e;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::process::{Pid, getpid};
use zeroize::Zeroize;

use crate::error::{ModelError, Operation, check};
use crate::text;

/// A compiled network with its weights, as [`CompiledModel::export`](crate::CompiledModel::export) wrote it.
///
/// The bytes are plaintext. They are in anonymous memory that is left out of core dumps, that a child process does not
/// inherit, that no other process can change from now on, and that is zeroized when dropped. They are not locked: they may be
/// swapped out.
///
/// # What this does not protect
///
/// While the device writes, the memory is a file of this process. Another process of the same user could map it then by way of
/// `/proc`, and would keep that mapping. In a process that is hardened ([`ovseal_memory::harden_process`]) only root can do so.
pub struct ExportedModel {
    start: NonNull<c_void>,
    length: usize,
    owner: Pid,
}

// SAFETY: the mapping belongs to this value alone and is not tied to a thread.
unsafe impl Send for ExportedModel {}
// SAFETY: through a shared reference the memory is only read.
unsafe impl Sync for ExportedModel {}

impl ExportedModel {
    /// Lets `export` write to the path that it is given, and takes what it wrote.
    ///
    /// The C interface writes to a path only, and a pipe will not do, since devices seek. So the path is that of an anonymous file.
    pub(crate) fn write(export: impl FnOnce(&CStr) -> ov_status_e) -> Result<Self, ModelError> {
        let file = Self::file()?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let path = text::named("path", path)?;
        check(Operation::Export, export(&path))?;
        Self::take(&file)
    }

    /// Makes an anonymous file in memory to which a runtime can export that is called through another interface.
    ///
    /// # Errors
    ///
    /// [`ModelError::Memory`].
    pub fn file() -> Result<OwnedFd, ModelError> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        rustix::fs::memfd_create(c"ovseal", flags).map_err(ModelError::Memory)
    }

    /// Takes what was written to a [`file`](Self::file). From now on nobody can write to it.
    ///
    /// # Errors
    ///
    /// [`ModelError::Empty`] when nothing was, [`ModelError::Memory`] for another kind of file, and when somebody still
    /// has it mapped to write.
    pub fn take(file: &OwnedFd) -> Result<Self, ModelError> {
        let length = rustix::fs::fstat(file).map_err(ModelError::Memory)?.st_size;
        let length = usize::try_from(length).map_err(|_| ModelError::Memory(Errno::OVERFLOW))?;
        if length == 0 {
            return Err(ModelError::Empty { what: "exported model" });
        }
        Self::map(file, length).map_err(ModelError::Memory)
    }

    fn map(file: &OwnedFd, length: usize) -> Result<Self, Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let nowhere = std::ptr::null_mut();
        // SAFETY: a new mapping, at a place that the kernel chooses, overlaps nothing.
        let start = unsafe { rustix::mm::mmap(nowhere, length, access, MapFlags::SHARED, file, 0) }?;
        let exported = Self { start: NonNull::new(start).ok_or(Errno::NOMEM)?, length, owner: getpid() };
        // From here on nobody can cut the file, which would make reading a fault, nor map it to write. A mapping that another
        // process made before stays.
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(file, seals)?;
        exported.advise(Advice::LinuxDontDump)?;
        exported.advise(Advice::LinuxDontFork)?;
        Ok(exported)
    }

    fn advise(&self, advice: Advice) -> Result<(), Errno> {
        // SAFETY: neither advice changes the contents of the mapping for this process.
        unsafe { rustix::mm::madvise(self.start.as_ptr(), self.length, advice) }
    }
}

impl AsRef<[u8]> for ExportedModel {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the mapping has `length` initialized bytes as long as `self`; in a forked child they are missing, and a touch ends
        // it. The seals keep everybody from writing who did not map the file between its creation and them. That takes a process of
        // the same user that looks into `/proc`, or root; the former is shut out when this process is hardened.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }
}

impl Drop for ExportedModel {
    fn drop(&mut self) {
        // A forked child has no such mapping, and at its place may stand something else.
        if self.owner != getpid() {
            return;
        }
        // SAFETY: the mapping has `length` bytes, and `&mut` shows that nobody borrows them.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast::<u8>(), self.length) };
        bytes.zeroize();
        // SAFETY: the mapping is this value's own and is not used again. That it exists is why unmapping cannot fail.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.length) };
    }
}
