//! Anonymous memory files, and links to them in a directory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, SealFlags};

use crate::fill::{FillError, decrypt, write_error};
use crate::tree::Tree;

/// Anonymous files, filled with decrypted parts. Each ends with the last process that keeps it.
#[derive(Debug)]
pub struct MemoryFiles(Vec<(String, File)>);

impl MemoryFiles {
    /// Decrypts all files of a tree, with several threads. Nothing can change them afterwards.
    ///
    /// # Errors
    /// [`FillError`].
    pub fn fill(tree: &Tree) -> Result<Self, FillError> {
        let parts: Vec<_> = tree.parts().collect();
        let create = |path: &str| {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let file = rustix::fs::memfd_create("ovseal", flags);
            file.map(File::from).map_err(|error| write_error(path, error.into()))
        };
        let files: Vec<File> = parts.iter().map(|(path, _)| create(path)).collect::<Result<_, _>>()?;
        decrypt(&parts, |at| files[at].try_clone())?;
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        for ((path, _), file) in parts.iter().zip(&files) {
            rustix::fs::fcntl_add_seals(file, seals).map_err(|error| write_error(path, error.into()))?;
        }
        let paths = parts.into_iter().map(|(path, _)| path.to_owned());
        Ok(Self(paths.zip(files).collect()))
    }

    /// Creates links to the files below `directory`, under the paths of the parts. `path_of`
    /// returns the path by which other processes reach a file.
    ///
    /// # Errors
    /// [`FillError::Write`].
    pub fn link(
        &self,
        directory: &Path,
        path_of: impl Fn(&File) -> io::Result<PathBuf>,
    ) -> Result<(), FillError> {
        self.0.iter().try_for_each(|(path, file)| {
            let place = directory.join(path);
            let parent = place.parent().map_or(Ok(()), std::fs::create_dir_all);
            let link = parent.and_then(|()| std::os::unix::fs::symlink(path_of(file)?, &place));
            link.map_err(|error| write_error(path, error))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;

    use ovseal_testkit::{Fixture, pattern};

    use super::*;

    #[test]
    fn links_lead_to_files_that_cannot_be_changed() {
        let content = pattern(300_000);
        let fixture = Fixture::new(&[("a/w.bin", &content), ("m.xml", b"topology")]);
        fixture.seal(fixture.options());
        let files = MemoryFiles::fill(&Tree::of(&fixture.open().unwrap()).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path_of = |file: &File| Ok(format!("/proc/self/fd/{}", file.as_raw_fd()).into());
        files.link(folder.path(), path_of).unwrap();
        assert_eq!(std::fs::read(folder.path().join("a/w.bin")).unwrap(), content);
        assert_eq!(std::fs::read(folder.path().join("m.xml")).unwrap(), b"topology");
        let file = &files.0[0].1;
        assert!(file.write_all_at(b"x", 0).is_err() && file.set_len(0).is_err());
        drop(files);
        assert!(std::fs::read(folder.path().join("m.xml")).is_err());
    }
}
