//! Writing a new stanza region so that a crash at any moment leaves the old or the new one.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{RekeyError, lock};
use crate::atomic::{AtomicFile, sync_folder};
use crate::container::Container;
use crate::prologue::{PROLOGUE_LENGTH, Prologue};
use crate::region::StanzaBlock;
use crate::rekey_file;

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

    /// Whether there is the file of an unfinished rekeying; one that is incomplete, another container's, or not authentic is refused.
    pub(super) fn check_rekey_file(
        &self,
        prologue: &Prologue,
        is_authentic: impl FnOnce(&StanzaBlock) -> bool,
    ) -> Result<bool, RekeyError> {
        let path = rekey_file::path(&self.path);
        if path.symlink_metadata().is_err() {
            return Ok(false);
        }
        let pending = rekey_file::read(&self.path, prologue);
        if pending.is_some_and(|block| is_authentic(&block)) {
            Ok(true)
        } else {
            Err(RekeyError::ForeignRekeyFile { path })
        }
    }

    /// Writes a new region.
    pub(super) fn write(&self, prologue: &Prologue, region: &[u8]) -> Result<(), RekeyError> {
        lock::check_in_place(&self.file, &self.path)?;
        self.write_rekey_file(prologue, region)
            .map_err(|source| RekeyError::Write { path: rekey_file::path(&self.path), source })?;
        self.write_region(region)
            .and_then(|()| self.remove_rekey_file())
            .map_err(|source| self.write_error(source))?;
        lock::check_in_place(&self.file, &self.path)
    }

    fn write_rekey_file(&self, prologue: &Prologue, region: &[u8]) -> io::Result<()> {
        let file = AtomicFile::create(&rekey_file::path(&self.path))?;
        self.faults.after(Step::RekeyFileCreated)?;
        rekey_file::write(file.file(), prologue, region)?;
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

    fn remove_rekey_file(&self) -> io::Result<()> {
        std::fs::remove_file(rekey_file::path(&self.path))?;
        sync_folder(&self.path)?;
        self.faults.after(Step::RekeyFileRemoved)
    }

    fn write_error(&self, source: io::Error) -> RekeyError {
        RekeyError::Write { path: self.path.clone(), source }
    }
}
