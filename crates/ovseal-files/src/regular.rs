//! Opens files in places where other users may have put something else.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file for reading, following symbolic links. Never blocks on a pipe.
///
/// # Errors
/// Any error of the system, or an error if the file is not a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NONBLOCK)
}

/// Opens a regular file as [`open`] does, but does not follow a symbolic link at `path` itself.
///
/// # Errors
/// Any error of [`open`], or `ELOOP` for a symbolic link.
pub fn open_no_link(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NONBLOCK | OFlags::NOFOLLOW)
}

fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if metadata.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Describes what is at `path`, unless it is a regular file. Does not follow symbolic links.
///
/// The same rule holds for every output: a link, pipe, device or directory is neither replaced nor
/// written through.
///
/// # Errors
/// Any error of the system, for example if nothing is there.
pub fn irregular(path: &Path) -> io::Result<Option<&'static str>> {
    let kind = path.symlink_metadata()?.file_type();
    Ok(match (kind.is_file(), kind.is_symlink(), kind.is_dir()) {
        (true, ..) => None,
        (_, true, _) => Some("a symbolic link"),
        (.., true) => Some("a directory"),
        _ => Some("a pipe or a device"),
    })
}

/// Reads at most `limit` + 1 bytes of a regular file. If there are more than `limit` bytes, the
/// file is too long.
///
/// # Errors
/// Any error of [`open`] or of reading.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the mode of a regular file if its group or other users have any permission on it.
///
/// # Errors
/// Any error of the system.
pub fn exposed_mode(file: &File) -> io::Result<Option<u32>> {
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o777;
    Ok((metadata.is_file() && mode & 0o077 != 0).then_some(mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn directories_and_pipes_are_rejected_without_blocking() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(open(directory.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        for open in [open, open_no_link] {
            assert_eq!(open(&pipe).unwrap_err().to_string(), "it is not a regular file");
        }
    }

    #[test]
    fn open_follows_a_link_and_open_no_link_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        std::fs::write(&file, "content").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open(&link).is_ok() && open_no_link(&file).is_ok());
        assert_eq!(
            open_no_link(&link).unwrap_err().raw_os_error(),
            Some(rustix::io::Errno::LOOP.raw_os_error())
        );
    }

    #[test]
    fn a_file_is_exposed_if_its_group_or_others_have_permissions() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, exposed) in [(0o600, None), (0o400, None), (0o640, Some(0o640)), (0o604, Some(0o604))] {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(exposed_mode(file.as_file()).unwrap(), exposed);
        }
    }
}
