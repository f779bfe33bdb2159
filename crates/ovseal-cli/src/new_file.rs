//! New files for keys and outputs: they appear whole or not at all, and private ones never had other permissions.

use ovseal_files::AtomicFile;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::conversions::{cannot_write, exists};
use crate::error::CommandError;

/// Permissions of a file for its owner alone.
pub(crate) const PRIVATE: u32 = 0o600;
/// Permissions of a file for everyone, less the umask.
pub(crate) const PUBLIC: u32 = 0o666;

/// A file that is written, but does not have its name yet. Dropping it removes it.
pub(crate) struct NewFile {
    file: AtomicFile,
    target: PathBuf,
}

impl NewFile {
    /// Writes `content` beside `target`, which must not exist.
    ///
    /// # Errors
    /// When `target` exists, or its folder cannot be written.
    pub(crate) fn write(target: PathBuf, mode: u32, content: &[&[u8]]) -> Result<Self, CommandError> {
        refuse_existing(&target)?;
        let written = AtomicFile::with_mode(&target, mode).and_then(|file| {
            content.iter().try_for_each(|piece| file.file().write_all(piece))?;
            Ok(file)
        });
        let file = written.map_err(|error| cannot_write(&target.display(), error))?;
        Ok(Self { file, target })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When another file took the name meanwhile.
    pub(crate) fn commit(self) -> Result<(), CommandError> {
        self.file.commit(false).map_err(|error| cannot_write(&self.target.display(), error))
    }
}

/// Refuses a place at which anything stands, also a symbolic link to nowhere.
///
/// # Errors
/// When there is something.
pub(crate) fn refuse_existing(target: &Path) -> Result<(), CommandError> {
    if target.symlink_metadata().is_ok() { Err(exists(&target.display())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_file_is_for_its_owner_alone_and_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let file = NewFile::write(path.clone(), PRIVATE, &[b"a", b"b"]).unwrap();
        let late = NewFile::write(path.clone(), PRIVATE, &[b"late"]).unwrap();
        file.commit().unwrap();
        assert_eq!(late.commit().unwrap_err().code(), 2);
        assert_eq!(NewFile::write(path.clone(), PRIVATE, &[]).err().unwrap().code(), 2);
        assert_eq!(std::fs::read(&path).unwrap(), b"ab");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
