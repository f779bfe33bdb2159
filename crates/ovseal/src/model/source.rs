//! The plaintext of a part: a file, which must not change until it is read, or memory.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal_files::FileIdentity;
use ovseal_format::manifest::{PartEntry, PartKind};
use ovseal_format::part_path::PartPath;

use super::ModelError;

/// The place of a part's plaintext.
pub(crate) enum Source {
    /// A file, with its stamp when it was found.
    File { path: PathBuf, stamp: Stamp },
    /// The caller's bytes.
    Memory(Bytes),
}

/// A part and its plaintext.
pub(crate) type Part = (PartEntry, Source);

/// Bytes that several threads can read at once.
pub(crate) type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Metadata that changes when a file is written, replaced or truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    identity: FileIdentity,
    length: u64,
    modified: (i64, i64),
}

/// An open source.
pub(crate) enum SourceReader {
    File(File),
    Memory(Bytes),
}

impl Source {
    /// Finds the regular file at `path`, which may be a symbolic link only if `follow` is set.
    pub(crate) fn find(path: &Path, follow: bool) -> Result<Self, ModelError> {
        let metadata = metadata(path, follow)?;
        if metadata.is_symlink() {
            return Err(ModelError::Symlink { path: path.into() });
        }
        if !metadata.is_file() {
            return Err(ModelError::NotRegular { path: path.into() });
        }
        Ok(Self::File { path: path.to_owned(), stamp: Stamp::of(&metadata) })
    }

    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::File { stamp, .. } => stamp.length,
            Self::Memory(bytes) => (**bytes).as_ref().len() as u64,
        }
    }

    /// Returns the path of the file, or the word `memory`.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } => path,
            Self::Memory(_) => Path::new("memory"),
        }
    }

    /// Returns the path if the file there has this identity.
    pub(crate) fn named(&self, identity: FileIdentity) -> Option<&Path> {
        match self {
            Self::File { path, stamp } => (stamp.identity == identity).then_some(path),
            Self::Memory(_) => None,
        }
    }

    /// Returns the first bytes, which are enough to recognize a format.
    pub(super) fn start(&self) -> Result<Vec<u8>, ModelError> {
        self.read(0, self.length().min(START))
    }

    /// Reads `length` bytes at `offset`, all of which must exist.
    pub(super) fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, ModelError> {
        let read = || {
            let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
            bytes.resize(length, 0);
            self.open()?.read_exact_at(&mut bytes, offset)?;
            Ok(bytes)
        };
        read().map_err(ModelError::read(self.path()))
    }

    /// Fails if this is a pointer that Git LFS leaves in place of a file that it did not fetch.
    pub(super) fn refuse_git_lfs(&self) -> Result<(), ModelError> {
        let is_pointer = self.start()?.starts_with(b"version https://git-lfs.github.com/spec/");
        if is_pointer { Err(ModelError::GitLfsPointer { path: self.path().into() }) } else { Ok(()) }
    }

    /// Returns when the file was last written, in seconds since 1970.
    pub(super) fn modified(&self) -> Option<u64> {
        let Self::File { stamp, .. } = self else { return None };
        stamp.modified.0.try_into().ok()
    }

    /// Opens the source.
    ///
    /// Fails if the file was written, replaced or truncated since it was found.
    pub(crate) fn open(&self) -> io::Result<SourceReader> {
        let (path, stamp) = match self {
            Self::File { path, stamp } => (path, stamp),
            Self::Memory(bytes) => return Ok(SourceReader::Memory(bytes.clone())),
        };
        let file = ovseal_files::open(path)?;
        if Stamp::of(&file.metadata()?) == *stamp { Ok(SourceReader::File(file)) } else { Err(changed()) }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.path().display(), self.length())
    }
}

impl SourceReader {
    /// Fills `buffer` with the bytes at `offset`.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => changed(),
                _ => error,
            }),
            Self::Memory(bytes) => copy_from((**bytes).as_ref(), buffer, offset),
        }
    }
}

fn copy_from(bytes: &[u8], buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..));
    buffer.copy_from_slice(rest.and_then(|rest| rest.get(..buffer.len())).ok_or_else(changed)?);
    Ok(())
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            identity: metadata.into(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Returns the metadata of the file at `path`, or of a symbolic link there unless `follow` is set.
pub(super) fn metadata(path: &Path, follow: bool) -> Result<Metadata, ModelError> {
    let metadata = if follow { path.metadata() } else { path.symlink_metadata() };
    metadata.map_err(ModelError::read(path))
}

/// Creates a part from its plaintext.
pub(super) fn part(path: PartPath, kind: PartKind, source: Source) -> Part {
    (PartEntry { path, kind, length: source.length(), companions: Vec::new() }, source)
}

fn changed() -> io::Error {
    io::Error::other("the file changed while it was read")
}

/// Number of bytes read to recognize a format.
const START: u64 = 4096;
