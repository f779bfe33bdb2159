//! Writes a new stanza region. A crash at any moment leaves either the old or the new one.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ovseal_files::{AtomicFile, sync_directory};
use ovseal_format::crypto::data_key::FittingKey;
use ovseal_format::prologue::{PROLOGUE_LENGTH, Prologue};

use super::error::RekeyError;
use super::lock::Locked;
use crate::container::rekey_file::{self, Inode, RekeyFile};

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

/// Faults that tests inject into a rekeying.
pub(super) trait Faults {
    /// Called after each step. An error ends the rekeying as a crash would.
    fn after(&self, step: Step) -> io::Result<()>;
}

/// No faults: used outside tests.
pub(super) struct NoFaults;

impl Faults for NoFaults {
    fn after(&self, _: Step) -> io::Result<()> {
        Ok(())
    }
}

/// The file found under the name of a container's rekeying file.
pub(super) enum Found {
    Nothing,
    /// Something that is not a complete rekeying file of this container.
    Incomplete,
    Complete(RekeyFile),
}

/// The right to write a container's stanza region, until dropped.
pub(super) struct RegionWriter<'w> {
    pub(super) locked: Locked,
    faults: &'w dyn Faults,
}

impl<'w> RegionWriter<'w> {
    /// Locks the container at `path` exclusively.
    pub(super) fn lock(path: &Path, faults: &'w dyn Faults) -> Result<Self, RekeyError> {
        Ok(Self { locked: Locked::writable(path)?, faults })
    }

    /// Returns the path of the rekeying file.
    pub(super) fn rekey_file(&self) -> PathBuf {
        rekey_file::path(&self.locked.path)
    }

    /// Reads the rekeying file next to the container.
    pub(super) fn find(&self, prologue: &Prologue) -> Found {
        if self.rekey_file().symlink_metadata().is_err() {
            return Found::Nothing;
        }
        rekey_file::read(&self.locked.path, prologue).map_or(Found::Incomplete, Found::Complete)
    }

    /// Returns inode number and birth time of the container's file.
    pub(super) fn inode(&self) -> Result<Inode, RekeyError> {
        Inode::of(&self.locked.file).map_err(RekeyError::write(&self.locked.path))
    }

    /// Writes a region that replaces the one with the MAC `replaced`.
    pub(super) fn write(
        &self,
        key: &FittingKey,
        prologue: &Prologue,
        replaced: &[u8; 32],
        region: &[u8],
    ) -> Result<(), RekeyError> {
        self.locked.check_in_place()?;
        let content = rekey_file::encode(key, prologue, region, replaced, &self.inode()?);
        self.write_rekey_file(&content).map_err(RekeyError::write(&self.rekey_file()))?;
        self.write_out(region)
    }

    /// Writes the region of an existing rekeying file, after synchronizing that file.
    pub(super) fn finish(&self, region: &[u8]) -> Result<(), RekeyError> {
        let path = self.rekey_file();
        let synchronize = || File::open(&path)?.sync_all().and_then(|()| sync_directory(&path));
        synchronize().map_err(RekeyError::write(&path))?;
        self.write_out(region)
    }

    /// Synchronizes the container, because the process that wrote its region may not have done so.
    pub(super) fn synchronize(&self) -> Result<(), RekeyError> {
        self.locked.file.sync_all().map_err(RekeyError::write(&self.locked.path))
    }

    /// Removes the rekeying file.
    pub(super) fn remove_rekey_file(&self) -> Result<(), RekeyError> {
        let path = self.rekey_file();
        let remove = || {
            std::fs::remove_file(&path)?;
            sync_directory(&path)?;
            self.faults.after(Step::RekeyFileRemoved)
        };
        remove().map_err(RekeyError::write(&path))
    }

    /// Writes the region that is in the rekeying file to the container, and removes that file.
    fn write_out(&self, region: &[u8]) -> Result<(), RekeyError> {
        self.locked.check_in_place()?;
        self.write_region(region).map_err(RekeyError::write(&self.locked.path))?;
        self.remove_rekey_file()?;
        self.locked.check_in_place()
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
        let file = &self.locked.file;
        let (first, second) = region.split_at(region.len() / 2);
        let at = PROLOGUE_LENGTH as u64;
        file.write_all_at(first, at)?;
        self.faults.after(Step::RegionHalfWritten)?;
        file.write_all_at(second, at + first.len() as u64)?;
        self.faults.after(Step::RegionWritten)?;
        file.sync_all()?;
        self.faults.after(Step::RegionSynchronized)
    }
}
