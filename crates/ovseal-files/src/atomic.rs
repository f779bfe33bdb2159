//! Files that appear whole or not at all: written as a temporary file, synced and renamed.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tempfile::NamedTempFile;

/// A temporary file next to its target. Dropping it without [`commit`](Self::commit) deletes it.
pub struct AtomicFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl AtomicFile {
    /// Creates a temporary file for `target` with mode 0666, less the umask.
    ///
    /// # Errors
    /// Fails if the directory of `target` cannot be written.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::with_mode(target, 0o666)
    }

    /// Creates a temporary file for `target` with this mode, less the umask.
    ///
    /// # Errors
    /// Fails if the directory of `target` cannot be written.
    pub fn with_mode(target: &Path, mode: u32) -> io::Result<Self> {
        let mut prefix = OsString::from(".");
        prefix.push(target.file_name().ok_or(io::ErrorKind::InvalidInput)?);
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(directory(target))
            .map_err(without_path)?;
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// Returns the temporary file for writing.
    pub fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Syncs the file and renames it to its target. With `replace`, an existing file is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the target exists and `replace` is false, or any error
    /// of the system.
    pub fn commit(self, replace: bool) -> io::Result<()> {
        self.temporary.as_file().sync_all()?;
        let Self { temporary, target } = self;
        let persisted =
            if replace { temporary.persist(&target) } else { temporary.persist_noclobber(&target) };
        persisted.map_err(|error| error.error)?;
        sync_directory(&target)
    }
}

/// Creates a directory that only its owner can enter, and its parents. An existing directory is
/// left alone.
///
/// # Errors
/// Any error of the system.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Syncs the directory of `path`, so that a rename or removal in it survives a power failure.
///
/// # Errors
/// Fails if the directory cannot be opened or synced.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

/// Removes the random name that `tempfile` adds to errors, which means nothing to the caller.
fn without_path(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => Errno::NOENT.into(),
        io::ErrorKind::NotADirectory => Errno::NOTDIR.into(),
        io::ErrorKind::PermissionDenied => Errno::ACCESS.into(),
        io::ErrorKind::ReadOnlyFilesystem => Errno::ROFS.into(),
        io::ErrorKind::StorageFull => Errno::NOSPC.into(),
        _ => error,
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns `path` with `suffix` appended to its file name.
pub fn next_to(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn an_uncommitted_file_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let file = AtomicFile::create(&directory.path().join("a")).unwrap();
        file.file().write_all(b"half").unwrap();
        drop(file);
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn the_temporary_name_is_not_reported() {
        let directory = tempfile::tempdir().unwrap();
        let error = AtomicFile::create(&directory.path().join("none/a")).err().unwrap();
        assert_eq!(error.to_string(), "No such file or directory (os error 2)");
    }

    #[test]
    fn an_existing_file_is_replaced_only_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a");
        std::fs::write(&target, "old").unwrap();
        let error = AtomicFile::create(&target).unwrap().commit(false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        AtomicFile::create(&target).unwrap().commit(true).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"");
    }
}
