//! The lock under which a container, or a file next to it, is written.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ovseal_files::FileIdentity;
use rustix::fs::OFlags;

use super::error::RekeyError;
use crate::container::Container;

/// A container that no other process can rekey until this is dropped.
pub(super) struct Locked {
    pub(super) file: File,
    /// The path without symbolic links.
    pub(super) path: PathBuf,
}

impl Locked {
    /// Locks the container at `path`, to write a file next to it.
    pub(super) fn read_only(path: &Path) -> Result<Self, RekeyError> {
        let canonical = path.canonicalize().map_err(RekeyError::write(path))?;
        let file = ovseal_files::open(&canonical).map_err(RekeyError::write(path))?;
        Self::acquire(file, canonical)
    }

    /// Locks the container at `path`, to write to the container itself.
    pub(super) fn writable(path: &Path) -> Result<Self, RekeyError> {
        let canonical = path.canonicalize().map_err(RekeyError::write(path))?;
        let file = open_writable(&canonical).map_err(RekeyError::write(path))?;
        if file.metadata().map_err(RekeyError::write(path))?.nlink() > 1 {
            return Err(RekeyError::HardLinks { path: path.into() });
        }
        Self::acquire(file, canonical)
    }

    fn acquire(file: File, path: PathBuf) -> Result<Self, RekeyError> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RekeyError::Locked { path }),
            Err(TryLockError::Error(error)) => return Err(RekeyError::write(&path)(error)),
        }
        let locked = Self { file, path };
        locked.check_in_place()?;
        Ok(locked)
    }

    /// Reads the frame of the container through the locked descriptor.
    pub(super) fn container(&self) -> Result<Container, RekeyError> {
        let file = self.file.try_clone().map_err(RekeyError::write(&self.path))?;
        Ok(Container::from_file(file, self.path.clone())?)
    }

    /// Fails if another process has replaced the container since it was locked.
    pub(super) fn check_in_place(&self) -> Result<(), RekeyError> {
        let write = RekeyError::write(&self.path);
        let ours = FileIdentity::of_file(&self.file).map_err(&write)?;
        let named = FileIdentity::of(&self.path).map_err(&write)?;
        if ours == named { Ok(()) } else { Err(RekeyError::Replaced { path: self.path.clone() }) }
    }
}

/// Opens a file for reading and writing. Never blocks on a pipe.
fn open_writable(path: &Path) -> io::Result<File> {
    let nonblock = OFlags::NONBLOCK.bits() as i32;
    File::options().read(true).write(true).custom_flags(nonblock).open(path)
}
