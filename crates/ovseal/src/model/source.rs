//! A plaintext file that becomes a part, and reading it without noticing too late that it changed.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{ModelError, ModelOptions, read_error};
use crate::manifest::PartKind;
use crate::regular;

/// A file and what it looked like when it was found.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    stamp: Stamp,
}

/// As many bytes of a file are looked at to tell what it is.
const START: u64 = 4096;

/// What tells that a file is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

/// An open source.
pub(crate) struct SourceReader {
    file: File,
    stamp: Stamp,
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
        Ok(Self { path: path.to_owned(), stamp: Stamp::of(&metadata) })
    }

    pub(crate) fn length(&self) -> u64 {
        self.stamp.length
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `path` is this very file.
    pub(crate) fn is(&self, path: &Path) -> bool {
        let metadata = path.metadata();
        metadata.is_ok_and(|m| (m.dev(), m.ino()) == (self.stamp.device, self.stamp.inode))
    }

    /// Whether the file can be a topology of this kind.
    pub(crate) fn fits(&self, kind: PartKind) -> io::Result<bool> {
        let mut start = vec![0; self.stamp.length.min(START) as usize];
        self.open()?.read_exact_at(&mut start, 0)?;
        Ok(kind.fits(&start))
    }

    /// Opens the file, if it has not changed since it was found.
    pub(crate) fn open(&self) -> io::Result<SourceReader> {
        let reader = SourceReader { file: regular::open(&self.path)?, stamp: self.stamp };
        reader.check_unchanged()?;
        Ok(reader)
    }
}

impl SourceReader {
    /// Fills `buffer` from `offset` on.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => changed(),
            _ => error,
        })
    }

    /// Fails when the file was written, replaced or truncated since it was found.
    pub(crate) fn check_unchanged(&self) -> io::Result<()> {
        if Stamp::of(&self.file.metadata()?) == self.stamp { Ok(()) } else { Err(changed()) }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl ModelOptions {
    /// Looks at a file inside the model.
    pub(super) fn source(self, path: &Path) -> Result<Source, ModelError> {
        Source::find(path, self.follow_symlinks)
    }
}

fn changed() -> io::Error {
    io::Error::other("the file changed while it was read")
}
