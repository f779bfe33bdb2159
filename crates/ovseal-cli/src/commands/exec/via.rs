//! The ways in which files reach a program.

use std::path::{Path, PathBuf};

use ovseal_mount::is_memory;

use crate::errors::CommandError;

/// The caller's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// The best one that works here.
    Auto,
    /// Memory in a private namespace.
    Ramfs,
    /// Decryption on demand.
    Fuse,
    /// Links to anonymous memory files.
    Memfd,
    /// A directory in memory that the caller provides.
    Directory(PathBuf),
}

impl Via {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "ramfs" => Ok(Self::Ramfs),
            "fuse" => Ok(Self::Fuse),
            "memfd" => Ok(Self::Memfd),
            _ => match text.strip_prefix("dir:") {
                Some(path) if !path.is_empty() => Ok(Self::Directory(path.into())),
                _ => Err("expected auto, ramfs, fuse, memfd or dir:PATH".to_owned()),
            },
        }
    }
}

/// Fails if a directory is on a disk, or is none.
pub(super) fn check_memory(path: &Path) -> Result<(), CommandError> {
    let shown = path.display();
    if !path.is_dir() {
        return Err(CommandError::usage(format!("{shown} is not a directory")));
    }
    if !is_memory(path) {
        let error = CommandError::usage(format!("{shown} is not in memory: plaintext would reach a disk"));
        return Err(error.hint("give a directory in a tmpfs or ramfs: in a container, --tmpfs PATH"));
    }
    Ok(())
}

/// Returns the directory for mount points and links, which hold no plaintext.
pub(super) fn directory() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    // A server that root starts drops its privileges, and root's own directory is closed to it.
    let runtime = runtime.filter(|path| path.is_dir() && !rustix::process::geteuid().is_root());
    runtime.unwrap_or_else(std::env::temp_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_a_name() {
        assert_eq!(Via::parse("ramfs"), Ok(Via::Ramfs));
        assert_eq!(Via::parse("dir:/run/models"), Ok(Via::Directory("/run/models".into())));
        assert!(["", "dir:", "dir", "tmpfs"].iter().all(|text| Via::parse(text).is_err()));
    }

    #[test]
    fn a_directory_on_a_disk_is_refused() {
        assert_eq!(check_memory(Path::new("/proc")).unwrap_err().code(), 2);
        assert_eq!(check_memory(Path::new("/no such directory")).unwrap_err().code(), 2);
        if Path::new("/dev/shm").is_dir() {
            check_memory(Path::new("/dev/shm")).unwrap();
        }
    }
}
