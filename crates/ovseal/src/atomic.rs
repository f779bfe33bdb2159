//! Files that appear whole or not at all: temporary file, synchronize, rename, synchronize the folder.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tempfile::NamedTempFile;

/// A file in the making, beside its later place. Dropping it removes it.
///
/// Containers are written with it, and it serves for keys and other files that must never stand there half.
pub struct AtomicFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will stand at `target`, readable for everyone as far as the umask allows.
    ///
    /// # Errors
    /// When the folder of `target` cannot be written.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::with_mode(target, 0o666)
    }

    /// Begins a file that will stand at `target` with these permissions, less the umask.
    ///
    /// # Errors
    /// When the folder of `target` cannot be written.
    pub fn with_mode(target: &Path, mode: u32) -> io::Result<Self> {
        let mut prefix = OsString::from(".");
        prefix.push(target.file_name().ok_or(io::ErrorKind::InvalidInput)?);
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder(target))
            .map_err(without_path)?;
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// Gives the file, to be written.
    pub fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Synchronizes the file and puts it in its place; `replace` says whether another one may stand there.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] without `replace`, or when it cannot be written.
    pub fn commit(self, replace: bool) -> io::Result<()> {
        self.temporary.as_file().sync_all()?;
        let Self { temporary, target } = self;
        let persisted =
            if replace { temporary.persist(&target) } else { temporary.persist_noclobber(&target) };
        persisted.map_err(|error| error.error)?;
        sync_folder(&target)
    }
}

/// Synchronizes the folder of `path`, so that a rename or removal in it survives a power failure.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// The operating system's own error: the name of a temporary file, which `tempfile` adds, tells a caller nothing.
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

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `path` with `suffix` appended to the file name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
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
        let folder = tempfile::tempdir().unwrap();
        let file = AtomicFile::create(&folder.path().join("a")).unwrap();
        file.file().write_all(b"half").unwrap();
        drop(file);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_missing_folder_is_told_without_the_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = AtomicFile::create(&folder.path().join("none/a")).err().unwrap();
        assert_eq!(error.to_string(), "No such file or directory (os error 2)");
    }

    #[test]
    fn an_existing_file_is_replaced_only_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        std::fs::write(&target, "old").unwrap();
        let refused = AtomicFile::create(&target).unwrap().commit(false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        AtomicFile::create(&target).unwrap().commit(true).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"");
    }
}
