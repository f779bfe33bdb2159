//! The system services that this crate uses: Linux, and nothing else so far.

mod loaded_libraries;
mod memory_file;
mod processor;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

pub(crate) use loaded_libraries::build;
pub(crate) use memory_file::{FileBytes, create_memory_file};
pub(crate) use processor::features;

/// Converts a path for the C interface.
pub(crate) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Creates a path from the output of a program.
pub(crate) fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}
