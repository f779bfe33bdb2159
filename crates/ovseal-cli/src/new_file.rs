//! New files for keys and outputs: they appear whole or not at all, and private ones never had other permissions.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::conversions::{cannot_write, exists};
use crate::error::CommandError;

/// Permissions of a file for its owner alone.
pub(crate) const PRIVATE: u32 = 0o600;
/// Permissions of a file for everyone, less the umask.
pub(crate) const PUBLIC: u32 = 0o666;

/// A file that is written and synchronized, but has no name yet. Dropping it removes it.
pub(crate) struct NewFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl NewFile {
    /// Writes `content` beside `target`, which must not exist.
    ///
    /// # Errors
    /// When `target` exists, or its folder cannot be written.
    pub(crate) fn write(target: PathBuf, mode: u32, content: &[&[u8]]) -> Result<Self, CommandError> {
        if target.symlink_metadata().is_ok() {
            return Err(exists(&target.display()));
        }
        let temporary = temporary(&target, mode, content);
        let temporary = temporary.map_err(|error| cannot_write(&target.display(), error))?;
        Ok(Self { temporary, target })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When another file took the name meanwhile.
    pub(crate) fn commit(self) -> Result<(), CommandError> {
        let Self { temporary, target } = self;
        let named = temporary.persist_noclobber(&target).map_err(|error| error.error);
        let synchronized = named.and_then(|_| File::open(folder(&target))?.sync_all());
        synchronized.map_err(|error| cannot_write(&target.display(), error))
    }
}

fn temporary(target: &Path, mode: u32, content: &[&[u8]]) -> io::Result<NamedTempFile> {
    let builder_mode = Permissions::from_mode(mode);
    let mut file = tempfile::Builder::new()
        .prefix(".ovseal-")
        .suffix(".partial")
        .permissions(builder_mode)
        .tempfile_in(folder(target))?;
    content.iter().try_for_each(|piece| file.write_all(piece))?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
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
