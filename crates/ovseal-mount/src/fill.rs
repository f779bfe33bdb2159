//! Files in memory, filled with decrypted parts and wiped at the end.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ovseal::{OpenError, Part};
use ovseal_memory::{MemoryError, ModelMemory};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::lock::lock;
use crate::tree::Tree;

/// Files that were created in a directory. Dropping this value overwrites and removes them.
pub struct FilledDirectory {
    root: OwnedFd,
    files: Vec<String>,
    /// Directories come before their contents.
    directories: BTreeSet<String>,
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
        let mut filled = Self { root, files: Vec::new(), directories: BTreeSet::new() };
        let parts: Vec<(&str, &Part)> = tree.parts().collect();
        for (path, _) in &parts {
            filled.create(path).map_err(|error| write_error(path, error.into()))?;
        }
        decrypt(&parts, |at| Ok(filled.open(parts[at].0)?))?;
        filled.protect(readers).map_err(|error| write_error("", error.into()))?;
        Ok(filled)
    }

    fn create(&mut self, path: &str) -> Result<(), Errno> {
        for (at, _) in path.match_indices('/') {
            let parent = &path[..at];
            if !self.directories.contains(parent) {
                rustix::fs::mkdirat(&self.root, parent, Mode::RWXU)?;
                self.directories.insert(parent.to_owned());
            }
        }
        let flags = WRITE | OFlags::CREATE | OFlags::EXCL;
        rustix::fs::openat(&self.root, path, flags, Mode::RUSR | Mode::WUSR)?;
        self.files.push(path.to_owned());
        Ok(())
    }

    /// Opens a created file. Not all of them are open at once: a process may have only 1,024 open
    /// files.
    fn open(&self, path: &str) -> Result<File, Errno> {
        beneath(self.root.as_fd(), path, WRITE).map(File::from)
    }

    fn protect(&self, readers: Readers) -> Result<(), Errno> {
        let (file_mode, directory_mode) = match readers {
            Readers::Owner => (0o400, 0o500),
            Readers::All => (0o444, 0o555),
        };
        let mode = Mode::from_raw_mode(file_mode);
        self.files.iter().try_for_each(|path| rustix::fs::fchmod(self.open(path)?, mode))?;
        let mode = Mode::from_raw_mode(directory_mode);
        let inner = self.directories.iter().map(String::as_str);
        inner.chain(["."]).try_for_each(|path| set_mode(self.root.as_fd(), path, mode))
    }

    /// Overwrites and removes all files. Programs that still read them see zeros.
    fn wipe(&mut self) {
        let zeros = vec![0; PIECE];
        for path in self.directories.iter().map(String::as_str).chain(["."]) {
            let _ = set_mode(self.root.as_fd(), path, Mode::RWXU);
        }
        for path in self.files.drain(..) {
            // What cannot be overwritten is removed all the same.
            let _ = overwrite(self.root.as_fd(), &path, &zeros);
            let _ = remove(self.root.as_fd(), &path, AtFlags::empty());
        }
        while let Some(path) = self.directories.pop_last() {
            let _ = remove(self.root.as_fd(), &path, AtFlags::REMOVEDIR);
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

/// Decrypts parts into the files that `open` returns for their index, with several threads.
pub(crate) fn decrypt(
    parts: &[(&str, &Part)],
    open: impl Fn(usize) -> io::Result<File> + Sync,
) -> Result<(), FillError> {
    let pieces: Vec<(usize, u64)> = parts
        .iter()
        .enumerate()
        .flat_map(|(at, (_, part))| (0..part.length()).step_by(PIECE).map(move |offset| (at, offset)))
        .collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let first = std::sync::Mutex::new(None);
    let work = || -> Result<(), FillError> {
        let mut buffer = ModelMemory::zeroed(PIECE)?;
        while !failed.load(Ordering::Relaxed) {
            let Some(&(at, offset)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let (path, part) = parts[at];
            let length = (part.length() - offset).min(PIECE as u64) as usize;
            part.read_range(offset, &mut buffer[..length]).map_err(|error| open_error(path, error))?;
            let written = open(at).and_then(|file| file.write_all_at(&buffer[..length], offset));
            written.map_err(|error| write_error(path, error))?;
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
    let mut empty = parts.iter().filter(|(_, part)| part.length() == 0);
    empty.try_for_each(|(path, part)| part.read_into(&mut []).map_err(|error| open_error(path, error)))?;
    let failure = lock(&first).take();
    failure.map_or(Ok(()), Err)
}

/// Writes zeros over a file, and makes it empty.
fn overwrite(root: BorrowedFd<'_>, path: &str, zeros: &[u8]) -> io::Result<()> {
    rustix::fs::fchmod(beneath(root, path, OFlags::empty())?, Mode::RUSR | Mode::WUSR)?;
    let file = File::from(beneath(root, path, WRITE)?);
    let length = file.metadata()?.len();
    for offset in (0..length).step_by(zeros.len()) {
        let piece = (length - offset).min(zeros.len() as u64) as usize;
        file.write_all_at(&zeros[..piece], offset)?;
    }
    file.set_len(0)
}

fn set_mode(root: BorrowedFd<'_>, path: &str, mode: Mode) -> Result<(), Errno> {
    rustix::fs::fchmod(beneath(root, path, OFlags::DIRECTORY)?, mode)
}

/// Opens a path below `root`, without following any link.
///
/// The program may write where the files are. It could replace a directory by a link to another,
/// whose files would then be changed.
fn beneath(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(root, path, flags, Mode::empty(), resolve)
}

/// Removes a path below `root`, without following any link.
fn remove(root: BorrowedFd<'_>, path: &str, flags: AtFlags) -> Result<(), Errno> {
    let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
    rustix::fs::unlinkat(beneath(root, parent, OFlags::DIRECTORY)?, name, flags)
}

fn open_error(path: &str, error: OpenError) -> FillError {
    FillError::Open { path: path.to_owned(), error }
}

pub(crate) fn write_error(path: &str, source: io::Error) -> FillError {
    FillError::Write { path: path.to_owned(), source }
}

/// The flags with which a file is filled. Links are not followed.
const WRITE: OFlags = OFlags::RDWR.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

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
        drop(filled);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        assert_eq!(reader.metadata().unwrap().len(), 0);
    }

    #[test]
    fn a_directory_that_became_a_link_changes_no_other_file() {
        let fixture = Fixture::new(&[("a/w.bin", b"weights")]);
        fixture.seal(fixture.options());
        let tree = Tree::of(&fixture.open().unwrap()).unwrap();
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("w.bin"), b"precious").unwrap();
        let filled = FilledDirectory::fill(open(folder.path()), &tree, Readers::Owner).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("a")).unwrap();
        drop(filled);
        assert_eq!(std::fs::read(other.path().join("w.bin")).unwrap(), b"precious");
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
