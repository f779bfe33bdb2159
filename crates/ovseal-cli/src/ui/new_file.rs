//! New files for keys and outputs. They appear complete or not at all, and are private from the
//! start.

use std::io::Write;
use std::path::{Path, PathBuf};

use ovseal_files::AtomicFile;

use crate::errors::{CommandError, cannot_write, exists};

/// Permissions of a file for its owner only.
pub(crate) const PRIVATE: u32 = 0o600;
/// Permissions of a file for everyone, restricted by the umask.
pub(crate) const PUBLIC: u32 = 0o666;

/// A written file that does not have its name yet. Dropping the value removes the file.
pub(crate) struct NewFile {
    file: AtomicFile,
    target: PathBuf,
}

impl NewFile {
    /// Writes `content` next to `target`, which must not exist.
    ///
    /// # Errors
    /// Fails if `target` exists, or its directory cannot be written.
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
    /// Fails if the name was taken in the meantime.
    pub(crate) fn commit(self) -> Result<(), CommandError> {
        self.file.commit(false).map_err(|error| cannot_write(&self.target.display(), error))
    }
}

/// Fails if `target` exists, even as a dangling symbolic link.
///
/// # Errors
/// Fails if there is anything at `target`.
pub(crate) fn refuse_existing(target: &Path) -> Result<(), CommandError> {
    if target.symlink_metadata().is_ok() { Err(exists(&target.display())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_file_is_private_and_never_replaces_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let file = NewFile::write(path.clone(), PRIVATE, &[b"a", b"b"]).unwrap();
        let late = NewFile::write(path.clone(), PRIVATE, &[b"late"]).unwrap();
        file.commit().unwrap();
        assert_eq!(late.commit().unwrap_err().code(), 2);
        assert_eq!(NewFile::write(path.clone(), PRIVATE, &[]).err().unwrap().code(), 2);
        assert_eq!(std::fs::read(&path).unwrap(), b"ab");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(directory.path().read_dir().unwrap().count(), 1);
    }
}
