//! Plaintext that becomes a part: a file, which is read without noticing too late that it changed, or memory.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal_files::FileIdentity;
use ovseal_format::manifest::PartKind;

use super::{ModelError, ModelOptions, read_error};

/// Where the plaintext of a part is.
pub(crate) enum Source {
    /// A file and what it looked like when it was found.
    File { path: PathBuf, stamp: Stamp },
    /// Bytes of the caller's.
    Memory(Bytes),
}

/// Bytes that several threads read at once.
pub(crate) type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// As many bytes of a file are looked at to tell what it is.
const START: u64 = 4096;

/// What tells that a file is still the same.
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
    /// Looks at the file at `path`, which must be a regular one.
    ///
    /// `follow` says whether `path` itself may be a symbolic link.
    pub(crate) fn find(path: &Path, follow: bool) -> Result<Self, ModelError> {
        let metadata = if follow { path.metadata() } else { path.symlink_metadata() };
        let metadata = metadata.map_err(|source| read_error(path, source))?;
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

    /// The file, or a word for what is none.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } => path,
            Self::Memory(_) => Path::new("memory"),
        }
    }

    /// The path of this source, if it is the file of this identity.
    pub(crate) fn named(&self, identity: FileIdentity) -> Option<&Path> {
        match self {
            Self::File { path, stamp } => (stamp.identity == identity).then_some(path),
            Self::Memory(_) => None,
        }
    }

    /// Whether the bytes can be a topology of this kind.
    pub(crate) fn fits(&self, kind: PartKind) -> io::Result<bool> {
        self.start().map(|start| kind.fits(&start))
    }

    /// The first bytes, as many as tell what it is.
    pub(crate) fn start(&self) -> io::Result<Vec<u8>> {
        let mut start = vec![0; self.length().min(START) as usize];
        self.open()?.read_exact_at(&mut start, 0)?;
        Ok(start)
    }

    /// Reads bytes, which must be there.
    pub(crate) fn read(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(length, 0);
        self.open()?.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// When the file was written, in seconds since 1970.
    pub(super) fn modified(&self) -> Option<u64> {
        let Self::File { stamp, .. } = self else { return None };
        stamp.modified.0.try_into().ok()
    }

    /// Opens it, if it is a file that was neither written, replaced nor truncated since it was found, or memory.
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
    /// Fills `buffer` from `offset` on.
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

impl ModelOptions {
    /// Looks at a file inside the model.
    pub(super) fn source(&self, path: &Path) -> Result<Source, ModelError> {
        Source::find(path, self.follow_symlinks)
    }
}

fn changed() -> io::Error {
    io::Error::other("the file changed while it was read")
}
