//! Identifies a file regardless of the path that leads to it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The identity of a file: its device and inode.
///
/// Paths with the same identity lead to the same file, for example through hard or symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// Returns the identity of the file at `path`, following symbolic links.
    ///
    /// # Errors
    /// Any error of the system, for example if there is no such file.
    pub fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|metadata| Self::from(&metadata))
    }

    /// Returns the identity of an open file.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn of_file(file: &File) -> io::Result<Self> {
        file.metadata().map(|metadata| Self::from(&metadata))
    }
}

impl From<&Metadata> for FileIdentity {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_the_identity_of_their_file_and_a_copy_has_another() {
        let directory = tempfile::tempdir().unwrap();
        let [file, hard, soft, copy] =
            ["file", "hard", "soft", "copy"].map(|name| directory.path().join(name));
        std::fs::write(&file, "content").unwrap();
        std::fs::hard_link(&file, &hard).unwrap();
        std::os::unix::fs::symlink(&file, &soft).unwrap();
        std::fs::copy(&file, &copy).unwrap();
        let identity = FileIdentity::of(&file).unwrap();
        assert_eq!([&hard, &soft].map(|path| FileIdentity::of(path).unwrap()), [identity; 2]);
        assert_eq!(FileIdentity::of_file(&File::open(&file).unwrap()).unwrap(), identity);
        assert_ne!(FileIdentity::of(&copy).unwrap(), identity);
    }
}
