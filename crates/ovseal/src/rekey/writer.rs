//! Writing a new stanza region so that a crash at any moment leaves the old or the new one.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ovseal_files::{AtomicFile, sync_directory};
use ovseal_format::crypto::data_key::FittingKey;
use ovseal_format::prologue::{PROLOGUE_LENGTH, Prologue};
use rustix::fs::OFlags;

use super::{RekeyError, lock};
use crate::container::Container;
use crate::container::rekey_file::{self, Place, RekeyFile};

/// The moments between the writes of a rekeying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    RekeyFileCreated,
    RekeyFileWritten,
    RekeyFileInPlace,
    RegionHalfWritten,
    RegionWritten,
    RegionSynchronized,
    RekeyFileRemoved,
}

/// Where tests let a rekeying fail.
pub(super) trait Faults {
    /// Called after each step; an error ends the rekeying as a crash would.
    fn after(&self, step: Step) -> io::Result<()>;
}

/// No faults: the real thing.
pub(super) struct NoFaults;

impl Faults for NoFaults {
    fn after(&self, _: Step) -> io::Result<()> {
        Ok(())
    }
}

/// What stands in the place of a container's rekeying file.
pub(super) enum Found {
    Nothing,
    /// Something that is not a complete rekeying file of this container.
    Incomplete,
    Complete(RekeyFile),
}

/// The right to write a container's stanza region, until dropped.
pub(super) struct RegionWriter<'w> {
    /// The container's path without symbolic links, beside which its files stand.
    path: PathBuf,
    file: File,
    faults: &'w dyn Faults,
}

impl<'w> RegionWriter<'w> {
    /// Takes the exclusive lock on the container at `path`.
    pub(super) fn lock(path: &Path, faults: &'w dyn Faults) -> Result<Self, RekeyError> {
        let write = |source| RekeyError::Write { path: path.into(), source };
        let canonical = path.canonicalize().map_err(write)?;
        let nonblock = OFlags::NONBLOCK.bits() as i32;
        let file =
            File::options().read(true).write(true).custom_flags(nonblock).open(&canonical).map_err(write)?;
        if file.metadata().map_err(write)?.nlink() > 1 {
            return Err(RekeyError::HardLinks { path: path.into() });
        }
        lock::exclusively(&file, &canonical)?;
        Ok(Self { path: canonical, file, faults })
    }

    /// The container, read from the very file that is locked.
    pub(super) fn container(&self) -> Result<Container, RekeyError> {
        let file = self.file.try_clone().map_err(|source| self.write_error(source))?;
        Ok(Container::from_file(file, self.path.clone())?)
    }

    /// Reads the rekeying file next to the container.
    pub(super) fn find(&self, prologue: &Prologue) -> Found {
        let path = rekey_file::path(&self.path);
        if path.symlink_metadata().is_err() {
            return Found::Nothing;
        }
        rekey_file::read(&self.path, prologue).map_or(Found::Incomplete, Found::Complete)
    }

    /// Returns the path of the rekeying file.
    pub(super) fn rekey_file(&self) -> PathBuf {
        rekey_file::path(&self.path)
    }

    /// Returns inode number and birth time of the container's file.
    pub(super) fn place(&self) -> Result<Place, RekeyError> {
        Place::of(&self.file).map_err(|source| self.write_error(source))
    }

    /// Writes a new region in the place of the one with the MAC `replaced`.
    pub(super) fn write(
        &self,
        key: &FittingKey,
        prologue: &Prologue,
        replaced: &[u8; 32],
        region: &[u8],
    ) -> Result<(), RekeyError> {
        lock::check_in_place(&self.file, &self.path)?;
        let content = rekey_file::encode(key, prologue, region, replaced, &self.place()?);
        self.write_rekey_file(&content)
            .map_err(|source| RekeyError::Write { path: self.rekey_file(), source })?;
        self.write_out(region)
    }

    /// Writes the region of a rekeying file that was found, after making sure that the file is on the disk.
    pub(super) fn finish(&self, region: &[u8]) -> Result<(), RekeyError> {
        let path = self.rekey_file();
        let synchronize = || File::open(&path)?.sync_all().and_then(|()| sync_directory(&path));
        synchronize().map_err(|source| RekeyError::Write { path: path.clone(), source })?;
        self.write_out(region)
    }

    /// Makes sure that the container's region is on the disk, which whoever wrote it may not have done.
    pub(super) fn synchronize(&self) -> Result<(), RekeyError> {
        self.file.sync_all().map_err(|source| self.write_error(source))
    }

    /// Writes the region that stands in the rekeying file, and removes that file.
    fn write_out(&self, region: &[u8]) -> Result<(), RekeyError> {
        lock::check_in_place(&self.file, &self.path)?;
        self.write_region(region).map_err(|source| self.write_error(source))?;
        self.remove_rekey_file()?;
        lock::check_in_place(&self.file, &self.path)
    }

    /// Removes the rekeying file.
    pub(super) fn remove_rekey_file(&self) -> Result<(), RekeyError> {
        let path = self.rekey_file();
        let remove = || {
            std::fs::remove_file(&path)?;
            sync_directory(&self.path)?;
            self.faults.after(Step::RekeyFileRemoved)
        };
        remove().map_err(|source| RekeyError::Write { path: path.clone(), source })
    }

    fn write_rekey_file(&self, content: &[u8]) -> io::Result<()> {
        let file = AtomicFile::create(&self.rekey_file())?;
        self.faults.after(Step::RekeyFileCreated)?;
        file.file().write_all(content)?;
        self.faults.after(Step::RekeyFileWritten)?;
        file.commit(true)?;
        self.faults.after(Step::RekeyFileInPlace)
    }

    fn write_region(&self, region: &[u8]) -> io::Result<()> {
        let (first, second) = region.split_at(region.len() / 2);
        let at = PROLOGUE_LENGTH as u64;
        self.file.write_all_at(first, at)?;
        self.faults.after(Step::RegionHalfWritten)?;
        self.file.write_all_at(second, at + first.len() as u64)?;
        self.faults.after(Step::RegionWritten)?;
        self.file.sync_all()?;
        self.faults.after(Step::RegionSynchronized)
    }

    fn write_error(&self, source: io::Error) -> RekeyError {
        RekeyError::Write { path: self.path.clone(), source }
    }
}
