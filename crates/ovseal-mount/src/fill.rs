//! Files in memory, filled with decrypted parts and wiped at the end.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ovseal::{OpenError, Part};
use ovseal_memory::{MemoryError, ModelMemory};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::lock::lock;
use crate::tree::Tree;

/// Files that were created in a directory. Dropping this value overwrites and removes them.
pub struct FilledDirectory {
    root: OwnedFd,
    files: Vec<(String, File)>,
    directories: Vec<String>,
}

/// The error for files that cannot be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    /// A part cannot be read, or is not authentic.
    #[error("{error}")]
    Open {
        /// The file's path in the tree.
        path: String,
        /// The cause.
        error: OpenError,
    },
    /// A file cannot be created or written.
    #[error("cannot write {path:?} to memory")]
    Write {
        /// The file's path in the tree.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// There is not enough memory to decrypt.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// The users who may read filled files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// The owner.
    Owner,
    /// All users who can reach the directory.
    All,
}

impl FilledDirectory {
    /// Decrypts all files of a tree into new files below `root`, with several threads.
    ///
    /// Nothing is replaced or followed. After an error, nothing is left. The files appear one after
    /// another, so no program may use the directory yet.
    ///
    /// # Errors
    /// [`FillError`].
    pub fn fill(root: OwnedFd, tree: &Tree, readers: Readers) -> Result<Self, FillError> {
        let mut filled = Self { root, files: Vec::new(), directories: Vec::new() };
        let parts: Vec<(&str, &Part)> = tree.parts().collect();
        for (path, _) in &parts {
            filled.create(path).map_err(|error| write_error(path, error.into()))?;
        }
        let targets = parts.iter().zip(&filled.files).map(|((path, part), (_, file))| (*path, *part, file));
        decrypt(&targets.collect::<Vec<_>>())?;
        filled.protect(readers).map_err(|error| write_error("", error.into()))?;
        Ok(filled)
    }

    fn create(&mut self, path: &str) -> Result<(), Errno> {
        for (at, _) in path.match_indices('/') {
            let parent = &path[..at];
            if self.directories.iter().all(|known| known != parent) {
                rustix::fs::mkdirat(&self.root, parent, Mode::RWXU)?;
                self.directories.push(parent.to_owned());
            }
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.root, path, flags, Mode::RUSR | Mode::WUSR)?;
        self.files.push((path.to_owned(), file.into()));
        Ok(())
    }

    fn protect(&self, readers: Readers) -> Result<(), Errno> {
        let (file_mode, directory_mode) = match readers {
            Readers::Owner => (0o400, 0o500),
            Readers::All => (0o444, 0o555),
        };
        self.files
            .iter()
            .try_for_each(|(_, file)| rustix::fs::fchmod(file, Mode::from_raw_mode(file_mode)))?;
        let mode = Mode::from_raw_mode(directory_mode);
        let inner = self.directories.iter().map(String::as_str);
        inner.chain(["."]).try_for_each(|path| set_mode(self.root.as_fd(), path, mode))
    }

    /// Overwrites and removes all files. Programs that still read them see zeros.
    fn wipe(&mut self) {
        let zeros = vec![0; PIECE];
        for (_, file) in &self.files {
            let length = file.metadata().map_or(0, |facts| facts.len());
            for offset in (0..length).step_by(PIECE) {
                let piece = (length - offset).min(PIECE as u64) as usize;
                // Memory that cannot be overwritten is freed by the next step.
                let _ = file.write_all_at(&zeros[..piece], offset);
            }
            let _ = file.set_len(0);
        }
        for path in self.directories.iter().map(String::as_str).chain(["."]) {
            let _ = set_mode(self.root.as_fd(), path, Mode::RWXU);
        }
        for (path, _) in self.files.drain(..) {
            let _ = rustix::fs::unlinkat(&self.root, path, rustix::fs::AtFlags::empty());
        }
        for path in self.directories.drain(..).rev() {
            let _ = rustix::fs::unlinkat(&self.root, path, rustix::fs::AtFlags::REMOVEDIR);
        }
    }
}

impl Drop for FilledDirectory {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl std::fmt::Debug for FilledDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FilledDirectory({} files)", self.files.len())
    }
}

/// Decrypts parts into files of the same length, with several threads.
pub(crate) fn decrypt(targets: &[(&str, &Part, &File)]) -> Result<(), FillError> {
    let pieces: Vec<(usize, u64)> = targets
        .iter()
        .enumerate()
        .flat_map(|(at, (_, part, _))| (0..part.length()).step_by(PIECE).map(move |offset| (at, offset)))
        .collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let first = std::sync::Mutex::new(None);
    let work = || -> Result<(), FillError> {
        let mut buffer = ModelMemory::zeroed(PIECE)?;
        while !failed.load(Ordering::Relaxed) {
            let Some(&(at, offset)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let (path, part, file) = targets[at];
            let length = (part.length() - offset).min(PIECE as u64) as usize;
            part.read_range(offset, &mut buffer[..length]).map_err(|error| open_error(path, error))?;
            file.write_all_at(&buffer[..length], offset).map_err(|error| write_error(path, error))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let run = || {
            if let Err(error) = work() {
                failed.store(true, Ordering::Relaxed);
                lock(&first).get_or_insert(error);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREAD_LIMIT);
        (1..threads).for_each(|_| drop(scope.spawn(run)));
        run();
    });
    // Empty parts have a chunk too, which nothing above has verified.
    let empty = targets.iter().filter(|(_, part, _)| part.length() == 0);
    empty
        .into_iter()
        .try_for_each(|(path, part, _)| part.read_into(&mut []).map_err(|error| open_error(path, error)))?;
    let failure = lock(&first).take();
    failure.map_or(Ok(()), Err)
}

fn set_mode(root: BorrowedFd<'_>, path: &str, mode: Mode) -> Result<(), Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::fchmod(rustix::fs::openat(root, path, flags, Mode::empty())?, mode)
}

fn open_error(path: &str, error: OpenError) -> FillError {
    FillError::Open { path: path.to_owned(), error }
}

pub(crate) fn write_error(path: &str, source: io::Error) -> FillError {
    FillError::Write { path: path.to_owned(), source }
}

/// Bytes that are decrypted and written at a time: a multiple of every chunk size but the largest,
/// which is as large.
const PIECE: usize = 16 << 20;

/// The largest number of threads.
const THREAD_LIMIT: usize = 16;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use ovseal_testkit::{Fixture, pattern};
    use rustix::fs::CWD;

    use super::*;

    fn open(path: &std::path::Path) -> OwnedFd {
        rustix::fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
    }

    #[test]
    fn files_are_filled_protected_and_wiped() {
        let large = pattern(PIECE + 5);
        let fixture = Fixture::new(&[("a/b/w.bin", &large), ("a/x", b""), ("m.xml", b"topology")]);
        fixture.seal(fixture.options());
        let tree = Tree::of(&fixture.open().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let filled = FilledDirectory::fill(open(folder.path()), &tree, Readers::Owner).unwrap();
        assert_eq!(std::fs::read(folder.path().join("a/b/w.bin")).unwrap(), large);
        assert_eq!(std::fs::read(folder.path().join("m.xml")).unwrap(), b"topology");
        assert_eq!(std::fs::read(folder.path().join("a/x")).unwrap(), b"");
        let mode = |path: &str| folder.path().join(path).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!([mode("a/b/w.bin"), mode("a/b"), mode("a"), mode(".")], [0o400, 0o500, 0o500, 0o500]);
        let reader = File::open(folder.path().join("m.xml")).unwrap();
        let mapped = filled.files.iter().find(|(path, _)| path == "m.xml").unwrap().1.try_clone().unwrap();
        drop(filled);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        assert_eq!((reader.metadata().unwrap().len(), mapped.metadata().unwrap().len()), (0, 0));
    }

    #[test]
    fn a_changed_chunk_leaves_no_file() {
        let fixture = Fixture::new(&[("a/w.bin", &pattern(3 << 20))]);
        fixture.seal(fixture.options());
        let mut bytes = std::fs::read(fixture.container()).unwrap();
        let at = bytes.len() - (1 << 20);
        bytes[at] ^= 1;
        std::fs::write(fixture.container(), &bytes).unwrap();
        let tree = Tree::of(&fixture.open().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let error = FilledDirectory::fill(open(folder.path()), &tree, Readers::All).unwrap_err();
        assert!(
            matches!(&error, FillError::Open { error: OpenError::Chunk { .. }, path } if path == "a/w.bin"),
            "{error}"
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_file_or_link_in_the_way_is_neither_replaced_nor_followed() {
        let fixture = Fixture::new(&[("w.bin", b"weights")]);
        fixture.seal(fixture.options());
        let tree = Tree::of(&fixture.open().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::os::unix::fs::symlink(&target, folder.path().join("w.bin")).unwrap();
        let error = FilledDirectory::fill(open(folder.path()), &tree, Readers::Owner).unwrap_err();
        assert!(matches!(error, FillError::Write { .. }), "{error}");
        assert!(!target.exists() && folder.path().join("w.bin").symlink_metadata().is_ok());
    }
}
