//! The folder into which parts are extracted, entered component by component so that no symbolic link is followed.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use ovseal::PartPath;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::conversions::{cannot_write, exists};
use crate::error::CommandError;

/// An open folder. If it was made for this extraction and nothing was extracted, it is removed again.
pub(super) struct Destination {
    root: OwnedFd,
    path: PathBuf,
    is_new: bool,
}

impl Destination {
    /// Opens the folder at `path`, and makes it if it is not there.
    ///
    /// # Errors
    /// When `path` is no folder or cannot be made.
    pub(super) fn open(path: &Path) -> Result<Self, CommandError> {
        let is_new = match rustix::fs::mkdir(path, PRIVATE) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(cannot_write(&path.display(), error.into())),
        };
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, path, flags, Mode::empty());
        let root = root.map_err(|error| cannot_write(&path.display(), error.into()))?;
        Ok(Self { root, path: path.to_owned(), is_new })
    }

    /// Checks before anything is decrypted that every part can have its place.
    ///
    /// # Errors
    /// When something is in the way: a symbolic link, a folder, or without `force` a file.
    pub(super) fn check(&self, parts: &[PartPath], force: bool) -> Result<(), CommandError> {
        parts.iter().try_for_each(|part| match self.find(part) {
            Ok(None) => Ok(()),
            Ok(Some(FileType::Directory)) => Err(self.failure(part, Errno::ISDIR.into())),
            Ok(Some(_)) if force => Ok(()),
            Ok(Some(_)) => Err(self.failure(part, Errno::EXIST.into())),
            Err(error) => Err(self.failure(part, error)),
        })
    }

    /// Moves the files `0`, `1`, … in `staging` to the places of `parts`. Each appears exclusively, so that two parts
    /// which this file system takes for the same are noticed.
    ///
    /// # Errors
    /// When a place was taken meanwhile, or cannot be written.
    pub(super) fn place(
        mut self,
        staging: &Path,
        parts: &[PartPath],
        force: bool,
    ) -> Result<(), CommandError> {
        if force {
            parts.iter().try_for_each(|part| self.remove(part).map_err(|error| self.failure(part, error)))?;
        }
        self.is_new = false;
        for (number, part) in parts.iter().enumerate() {
            let from = staging.join(number.to_string());
            self.move_in(&from, part).map_err(|error| self.failure(part, error))?;
        }
        rustix::fs::fsync(&self.root).map_err(|error| cannot_write(&self.path.display(), error.into()))
    }

    fn move_in(&self, from: &Path, part: &PartPath) -> io::Result<()> {
        let folder = self.folder_of(part, true)?;
        match rustix::fs::renameat_with(CWD, from, &folder, part.file_name(), RenameFlags::NOREPLACE) {
            // Some file systems know no exclusive renaming, but all know links.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(CWD, from, &folder, part.file_name(), AtFlags::empty())?;
            }
            renamed => renamed?,
        }
        Ok(rustix::fs::fsync(folder)?)
    }

    fn remove(&self, part: &PartPath) -> io::Result<()> {
        if self.find(part)?.is_some() {
            let folder = self.folder_of(part, false)?;
            rustix::fs::unlinkat(folder, part.file_name(), AtFlags::empty())?;
        }
        Ok(())
    }

    /// What stands at a part's place, if anything.
    fn find(&self, part: &PartPath) -> io::Result<Option<FileType>> {
        let folder = match self.folder_of(part, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            folder => folder?,
        };
        file_type(&folder, part.file_name())
    }

    /// Enters the folder of a part.
    fn folder_of(&self, part: &PartPath, create: bool) -> io::Result<OwnedFd> {
        let mut folder = self.root.try_clone()?;
        let folders = part.as_str().rsplit_once('/').map(|(folders, _)| folders.split('/'));
        for name in folders.into_iter().flatten() {
            folder = enter(&folder, name, create)?;
        }
        Ok(folder)
    }

    fn failure(&self, part: &PartPath, error: io::Error) -> CommandError {
        let path = self.path.join(part.as_str());
        if error.kind() == io::ErrorKind::AlreadyExists {
            return exists(&path.display()).hint("replace existing files with --force");
        }
        cannot_write(&path.display(), error)
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if self.is_new {
            // Best effort: it is empty unless someone else put something there.
            let _ = rustix::fs::rmdir(&self.path);
        }
    }
}

fn enter(folder: &OwnedFd, name: &str, create: bool) -> io::Result<OwnedFd> {
    if create {
        match rustix::fs::mkdirat(folder, name, PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if file_type(folder, name)? == Some(FileType::Symlink) {
        return Err(io::Error::other(format!("{name} is a symbolic link, which is not followed")));
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?)
}

fn file_type(folder: impl AsFd, name: &str) -> io::Result<Option<FileType>> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(status) => Ok(Some(FileType::from_raw_mode(status.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Folders for their owner alone.
const PRIVATE: Mode = Mode::RWXU;
