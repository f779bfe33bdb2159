//! Rekeys a container in place, or writes its side file.

use std::path::Path;

use ovseal_format::crypto::data_key::Label;
use ovseal_format::recipient::Identity;
use ovseal_format::stanza;
use ovseal_format::stanza_region::{GENERATION_LIMIT, StanzaRegion};

use super::lock::Locked;
use super::settle::{self, Settled};
use super::writer::{Faults, NoFaults, RegionWriter};
use super::{OnWaiting, RekeyError, RekeyOptions, Rekeyed};
use crate::container::side_file::{self, SideFile};
use crate::unlock::Unlocked;

impl RekeyOptions<'_> {
    /// Rekeys the container at `path` in place.
    ///
    /// A crash at any moment leaves either the old or the new stanzas. A large container takes no
    /// longer than a small one.
    ///
    /// # Errors
    /// [`RekeyError`].
    pub fn rekey(&self, path: &Path, identities: &[&dyn Identity]) -> Result<Rekeyed, RekeyError> {
        self.rekey_with(path, identities, &NoFaults)
    }

    pub(super) fn rekey_with(
        &self,
        path: &Path,
        identities: &[&dyn Identity],
        faults: &dyn Faults,
    ) -> Result<Rekeyed, RekeyError> {
        if self.changes_nothing() && self.on_waiting == OnWaiting::Refuse {
            return Err(RekeyError::Nothing);
        }
        refuse_irregular(path)?;
        let writer = RegionWriter::lock(path, faults)?;
        let container = writer.locked.container()?;
        let (Unlocked { key, .. }, context) = self.requirements.unlock(&container, identities)?;
        let Settled { before, region } =
            settle::settle(&writer, &container, &key, self.on_waiting, &self.requirements)?;
        if let Some(expected) = self.generation.filter(|&expected| expected != region.generation) {
            return Err(RekeyError::GenerationChanged { expected, found: region.generation });
        }
        if self.changes_nothing() {
            return Ok(Rekeyed::new(region.generation, &before, &region.stanzas));
        }
        let stanzas = self.stanzas(&key, &context, &region.stanzas)?;
        let generation = next_generation(region.generation)?;
        let rekeyed = Rekeyed::new(generation, &before, &stanzas);
        let new = StanzaRegion::new(&key, Label::StanzaMac, &[], generation, stanzas);
        let room = container.prologue.region_length;
        let bytes = new.encode_padded(room).ok_or(RekeyError::NoRoom { room })?;
        writer.write(&key, &container.prologue, region.mac(), &bytes)?;
        Ok(rekeyed)
    }

    fn changes_nothing(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// Replaces the side file of the container at `path` with one that holds the added stanzas.
    ///
    /// The container is not modified and may be read-only. A side file cannot remove stanzas.
    ///
    /// # Errors
    /// [`RekeyError`].
    pub fn write_side_file(&self, path: &Path, identities: &[&dyn Identity]) -> Result<Rekeyed, RekeyError> {
        if !self.remove.is_empty() {
            return Err(RekeyError::RemoveFromSideFile);
        }
        if self.add.is_empty() {
            return Err(RekeyError::Nothing);
        }
        refuse_irregular(path)?;
        let locked = Locked::read_only(path)?;
        let container = locked.container()?;
        let (Unlocked { key, region, .. }, context) = self.requirements.unlock(&container, identities)?;
        self.check_mixing(&region.stanzas)?;
        let previous = SideFile::read(&container)?.map(|side| side.region);
        let generation = previous.as_ref().map_or(Ok(1), |region| next_generation(region.generation))?;
        let stanzas = self.added(&key, &context)?;
        if !stanza::are_allowed(&stanzas) {
            return Err(RekeyError::TooManyStanzas);
        }
        let before = previous.map(|region| region.stanzas).unwrap_or_default();
        let rekeyed = Rekeyed::new(generation, &before, &stanzas);
        side_file::write(&container, &key, generation, stanzas).map_err(RekeyError::write(path))?;
        Ok(rekeyed)
    }
}

/// Fails if `path` is a symbolic link, a pipe, a device or a directory.
///
/// All other failures are reported when the file is opened.
fn refuse_irregular(path: &Path) -> Result<(), RekeyError> {
    match ovseal_files::irregular(path) {
        Ok(Some(what)) => Err(RekeyError::NotRegular { path: path.into(), what }),
        _ => Ok(()),
    }
}

fn next_generation(generation: u64) -> Result<u64, RekeyError> {
    if generation < GENERATION_LIMIT { Ok(generation + 1) } else { Err(RekeyError::LastGeneration) }
}
