//! The folder into which parts are extracted, entered component by component so that no symbolic link is followed.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use ovseal::{FileIdentity, PartPath};
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
    /// When something is in the way: a symbolic link, a pipe, a folder, a file that was `read`, or without `force` any file.
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

    /// Fails if the file in a part's place is the container, or was read for a key.
    fn refuse_read(&self, part: &PartPath, read: &[FileIdentity]) -> Result<(), CommandError> {
        match FileIdentity::of(&self.path.join(part.as_str())) {
            Ok(file) if read.contains(&file) => Err(self.irreplaceable(part, "a file that was read")),
            _ => Ok(()),
        }
    }

    fn irreplaceable(&self, part: &PartPath, what: &str) -> CommandError {
        let path = self.path.join(part.as_str());
        CommandError::usage(format!("{} is {what}, and is not replaced", path.display()))
            .hint("remove it first, or name another directory")
    }

    /// Moves each of `parts` from its place in `staging` to its place here, with `force` over the file that stands there.
    ///
    /// # Errors
    /// When a place was taken meanwhile, or cannot be written. A file whose turn has not come stays as it was.
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
        let folder = self.folder_of(part, true)?;
        if force {
            rustix::fs::renameat(CWD, from, &folder, part.file_name())?;
            return Ok(rustix::fs::fsync(folder)?);
        }
        match rustix::fs::renameat_with(CWD, from, &folder, part.file_name(), RenameFlags::NOREPLACE) {
            // Some file systems know no exclusive renaming, but all know links.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(CWD, from, &folder, part.file_name(), AtFlags::empty())?;
            }
            renamed => renamed?,
        }
        Ok(rustix::fs::fsync(folder)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_that_fails_takes_no_old_file_away() {
        let folder = tempfile::tempdir().unwrap();
        let (staging, out) = (folder.path().join("staging"), folder.path().join("out"));
        [&staging, &out].into_iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
        let parts = ["first", "second"].map(|name| PartPath::parse(name).unwrap());
        parts.iter().for_each(|part| std::fs::write(out.join(part.as_str()), "old").unwrap());
        std::fs::write(staging.join("first"), "new").unwrap();
        let error = Destination::open(&out).unwrap().place(&staging, &parts, true).unwrap_err();
        assert_eq!(error.code(), 1);
        let content = |name| std::fs::read_to_string(out.join(name)).unwrap();
        assert_eq!((content("first"), content("second")), ("new".into(), "old".into()));
    }
}
