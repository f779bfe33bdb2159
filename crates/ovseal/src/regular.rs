//! Opening files that others may have put there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::prologue::is_container;

/// Opens a regular file for reading, through symbolic links. A pipe in its place is not waited for.
///
/// # Errors
/// Those of the operating system, and one for whatever is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NONBLOCK)
}

/// Does the same, but for the last part of the path follows no symbolic link.
///
/// # Errors
/// Those of [`open`], and one for a link.
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

/// Returns what stands at `path` if it is anything but a regular file, in words. A symbolic link is not followed.
///
/// Outputs have one rule: a link, a pipe, a device or a directory is neither replaced nor written through.
///
/// # Errors
/// Those of the operating system, also if there is nothing.
pub fn irregular(path: &Path) -> io::Result<Option<&'static str>> {
    let kind = path.symlink_metadata()?.file_type();
    Ok(match (kind.is_file(), kind.is_symlink(), kind.is_dir()) {
        (true, ..) => None,
        (_, true, _) => Some("a symbolic link"),
        (.., true) => Some("a directory"),
        _ => Some("a pipe or a device"),
    })
}

/// Reads a regular file of at most `limit` bytes; a longer one is cut after one byte more.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Says whether the file at `path` begins as a container does.
///
/// # Errors
/// When it cannot be read, or is no regular file.
pub fn is_container_file(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    open(path)?.take(8).read_to_end(&mut start)?;
    Ok(is_container(&start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_pipes_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(open(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        for open in [open, open_no_link] {
            assert_eq!(open(&pipe).unwrap_err().to_string(), "it is not a regular file");
        }
    }

    #[test]
    fn a_link_is_followed_only_where_the_caller_named_it() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        std::fs::write(&file, "content").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open(&link).is_ok() && open_no_link(&file).is_ok());
        assert_eq!(
            open_no_link(&link).unwrap_err().raw_os_error(),
            Some(rustix::io::Errno::LOOP.raw_os_error())
        );
    }
}
