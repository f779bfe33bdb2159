//! A compiled model as bytes, in memory.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};

use openvino_sys::ov_status_e;

use super::error::{NetworkError, c_string};
use super::openvino_error::{Operation, check};
use crate::sys::{FileBytes, create_memory_file};

/// A compiled network with its weights, written by
/// [`CompiledModel::export`](crate::CompiledModel::export).
///
/// The bytes are plaintext in anonymous memory. Core dumps leave it out, child processes do not
/// inherit it, other processes cannot change it, and it is zeroized on drop. The memory is not
/// locked: it may be swapped out.
///
/// # What this does not protect
///
/// While the device writes, the memory is an open file of this process. Another process of the same
/// user could map it through `/proc` and keep that mapping. In a hardened process
/// ([`ovseal_memory::harden_process`]) only root can.
pub struct ExportedModel(FileBytes);

impl ExportedModel {
    /// Calls `export` with a path, and takes the bytes written there.
    ///
    /// The C interface writes only to a path, and devices seek, so a pipe does not work. The path
    /// is that of an anonymous file.
    pub(crate) fn write(export: impl FnOnce(&CStr) -> ov_status_e) -> Result<Self, NetworkError> {
        let file = Self::file()?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let path = c_string("path", path)?;
        check(Operation::Export, export(&path))?;
        Self::take(&file)
    }

    /// Creates an anonymous file in memory, for a caller that exports through another interface.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Memory`].
    pub fn file() -> Result<OwnedFd, NetworkError> {
        create_memory_file().map_err(NetworkError::Memory)
    }

    /// Takes the contents of a [`file`](Self::file) and seals it against writing. The caller must
    /// no longer use any writable mapping of the file.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Empty`] if the file is empty; [`NetworkError::Memory`] for another kind of
    /// file, which is left unchanged.
    pub fn take(file: &OwnedFd) -> Result<Self, NetworkError> {
        let bytes = FileBytes::take(file).map_err(NetworkError::Memory)?;
        if bytes.as_ref().is_empty() {
            return Err(NetworkError::Empty { what: "exported model" });
        }
        Ok(Self(bytes))
    }
}

impl AsRef<[u8]> for ExportedModel {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}
