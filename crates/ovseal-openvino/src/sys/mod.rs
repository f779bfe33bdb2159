//! The system services that this crate uses: Linux, and nothing else so far.

mod loaded_libraries;
mod memory_file;
mod processor;

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub(crate) use loaded_libraries::build;
pub(crate) use memory_file::{FileBytes, create_memory_file};
pub(crate) use processor::features;

/// Creates a directory that only its owner can enter, and its parents, unless it exists.
pub(crate) fn create_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Returns a path as the C interface takes it.
pub(crate) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Creates a path from what a program printed.
pub(crate) fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}
