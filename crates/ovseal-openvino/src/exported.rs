//! A compiled model as bytes, in memory.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};

use openvino_sys::ov_status_e;

use crate::error::{ModelError, Operation, check};
use crate::memory_file::{self, FileBytes};
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
pub struct ExportedModel(FileBytes);

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
        memory_file::create().map_err(ModelError::Memory)
    }

    /// Takes what was written to a [`file`](Self::file). From now on nobody can write to it, but whoever has mapped it to write
    /// before: no such mapping may be used any more.
    ///
    /// # Errors
    ///
    /// [`ModelError::Empty`] when nothing was, [`ModelError::Memory`] for another kind of file, which stays as it is.
    pub fn take(file: &OwnedFd) -> Result<Self, ModelError> {
        let bytes = FileBytes::take(file).map_err(ModelError::Memory)?;
        if bytes.as_ref().is_empty() {
            return Err(ModelError::Empty { what: "exported model" });
        }
        Ok(Self(bytes))
    }
}

impl AsRef<[u8]> for ExportedModel {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}
