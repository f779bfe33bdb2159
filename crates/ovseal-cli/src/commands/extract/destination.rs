//! The directory for extracted parts, entered component by component without following symbolic
//! links.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use ovseal::{FileIdentity, PartPath};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::errors::{CommandError, cannot_write, exists};

/// An open directory. A new one is removed again if nothing was extracted into it.
pub(super) struct Destination {
    root: OwnedFd,
    path: PathBuf,
    is_new: bool,
}

impl Destination {
    /// Opens the directory at `path`; creates it if it is missing.
    ///
    /// # Errors
    /// Fails if `path` is not a directory, or cannot be created.
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

    /// Checks that every part can be written, before anything is decrypted.
    ///
    /// # Errors
    /// Fails if a symbolic link, a pipe, a directory or a file in `read` is in the way. Without
    /// `force`, fails if any file is in the way.
    pub(super) fn check(
        &self,
        parts: &[PartPath],
        force: bool,
        read: &[FileIdentity],
    ) -> Result<(), CommandError> {
        parts.iter().try_for_each(|part| match self.find(part) {
            Ok(None) => Ok(()),
            Ok(Some(FileType::Directory)) => Err(self.failure(part, Errno::ISDIR.into())),
            Ok(Some(_)) if !force => Err(self.failure(part, Errno::EXIST.into())),
            Ok(Some(FileType::RegularFile)) => self.refuse_read(part, read),
            Ok(Some(FileType::Symlink)) => Err(self.irreplaceable(part, "a symbolic link")),
            Ok(Some(_)) => Err(self.irreplaceable(part, "a pipe or a device")),
            Err(error) => Err(self.failure(part, error)),
        })
    }

    /// Fails if the file at a part's path is the container, or was read for a key.
    fn refuse_read(&self, part: &PartPath, read: &[FileIdentity]) -> Result<(), CommandError> {
        match FileIdentity::of(&self.path.join(part.as_str())) {
            Ok(file) if read.contains(&file) => Err(self.irreplaceable(part, "a file that was read")),
            _ => Ok(()),
        }
    }

    fn irreplaceable(&self, part: &PartPath, what: &str) -> CommandError {
        let path = self.path.join(part.as_str());
        CommandError::usage(format!("{} is {what} and is not replaced", path.display()))
            .hint("remove it first, or choose another directory")
    }

    /// Moves each of `parts` from `staging` into this directory; `force` replaces existing files.
    ///
    /// # Errors
    /// Fails if a path was taken in the meantime, or cannot be written. The remaining files are
    /// left as they were.
    pub(super) fn place(
        mut self,
        staging: &Path,
        parts: &[PartPath],
        force: bool,
    ) -> Result<(), CommandError> {
        self.is_new = false;
        for part in parts {
            let from = staging.join(part.as_str());
            self.move_in(&from, part, force).map_err(|error| self.failure(part, error))?;
        }
        rustix::fs::fsync(&self.root).map_err(|error| cannot_write(&self.path.display(), error.into()))
    }

    fn move_in(&self, from: &Path, part: &PartPath, force: bool) -> io::Result<()> {
        let directory = self.directory_of(part, true)?;
        if force {
            rustix::fs::renameat(CWD, from, &directory, part.file_name())?;
            return Ok(rustix::fs::fsync(directory)?);
        }
        match rustix::fs::renameat_with(CWD, from, &directory, part.file_name(), RenameFlags::NOREPLACE) {
            // Some file systems have no exclusive rename, but they all have links.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(CWD, from, &directory, part.file_name(), AtFlags::empty())?;
            }
            renamed => renamed?,
        }
        Ok(rustix::fs::fsync(directory)?)
    }

    /// Returns the type of the file at a part's path, if there is one.
    fn find(&self, part: &PartPath) -> io::Result<Option<FileType>> {
        let directory = match self.directory_of(part, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            directory => directory?,
        };
        file_type(&directory, part.file_name())
    }

    /// Opens a part's directory, component by component.
    fn directory_of(&self, part: &PartPath, create: bool) -> io::Result<OwnedFd> {
        let mut directory = self.root.try_clone()?;
        let names = part.as_str().rsplit_once('/').map(|(parents, _)| parents.split('/'));
        for name in names.into_iter().flatten() {
            directory = enter(&directory, name, create)?;
        }
        Ok(directory)
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
            // Errors are ignored: the directory is empty unless another process wrote to it.
            let _ = rustix::fs::rmdir(&self.path);
        }
    }
}

fn enter(parent: &OwnedFd, name: &str, create: bool) -> io::Result<OwnedFd> {
    if create {
        match rustix::fs::mkdirat(parent, name, PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if file_type(parent, name)? == Some(FileType::Symlink) {
        return Err(io::Error::other(format!("{name} is a symbolic link and is not followed")));
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

fn file_type(directory: impl AsFd, name: &str) -> io::Result<Option<FileType>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(status) => Ok(Some(FileType::from_raw_mode(status.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Access for the owner only.
const PRIVATE: Mode = Mode::RWXU;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_move_removes_no_old_file() {
        let root = tempfile::tempdir().unwrap();
        let (staging, out) = (root.path().join("staging"), root.path().join("out"));
        [&staging, &out].into_iter().for_each(|path| std::fs::create_dir(path).unwrap());
        let parts = ["first", "second"].map(|name| PartPath::parse(name).unwrap());
        parts.iter().for_each(|part| std::fs::write(out.join(part.as_str()), "old").unwrap());
        std::fs::write(staging.join("first"), "new").unwrap();
        let error = Destination::open(&out).unwrap().place(&staging, &parts, true).unwrap_err();
        assert_eq!(error.code(), 1);
        let content = |name| std::fs::read_to_string(out.join(name)).unwrap();
        assert_eq!((content("first"), content("second")), ("new".into(), "old".into()));
    }
}
