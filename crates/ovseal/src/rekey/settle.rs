//! Adopts or removes a rekeying file that a writer finds, or leaves the decision to the caller
//! (`docs/format.md` §8).
//!
//! Anyone who can write to the directory can put an authentic region of another copy there. So a
//! rekeying file is adopted without asking the caller only if a holder of the key wrote it for this
//! exact file. It must also identify the container's own region, unless that is damaged.

use ovseal_format::crypto::data_key::{FittingKey, Label};
use ovseal_format::stanza::Stanza;
use ovseal_format::stanza_region::StanzaRegion;

use super::error::RekeyError;
use super::waiting::{OnWaiting, WaitingStanzas};
use super::writer::{Found, RegionWriter};
use crate::container::Container;
use crate::container::inspect::StanzaSummary;
use crate::container::rekey_file::RekeyFile;
use crate::error::{OpenError, Section};
use crate::unlock::Requirements;

/// The container's stanzas, after any rekeying file has been adopted or removed.
pub(super) struct Settled {
    /// The earlier stanzas, or the new ones if the earlier ones were damaged.
    pub(super) before: Vec<Stanza>,
    pub(super) region: StanzaRegion,
}

/// Adopts or removes the rekeying file, if there is one.
///
/// Fails without changing anything if the file needs the caller's decision and `on_waiting` makes
/// none.
pub(super) fn settle(
    writer: &RegionWriter<'_>,
    container: &Container,
    key: &FittingKey,
    on_waiting: OnWaiting,
    requirements: &Requirements,
) -> Result<Settled, RekeyError> {
    let own = OwnRegion::read(container, key)?;
    let foreign = || RekeyError::ForeignRekeyFile { path: writer.rekey_file() };
    let file = match writer.find(&container.prologue) {
        Found::Nothing => return own.settled(),
        Found::Incomplete if on_waiting == OnWaiting::Discard => return own.keep(writer),
        Found::Incomplete => return Err(foreign()),
        Found::Complete(file) => file,
    };
    // The earlier process crashed after writing the region, before removing the file.
    if file.region_bytes == own.bytes {
        return own.keep(writer);
    }
    if is_interrupted(&file, &own, key, writer)? {
        // When the container was unlocked, the check of the sender may have ignored these stanzas.
        requirements.check_region(container, &file.region)?;
        writer.finish(&file.region_bytes)?;
        return Ok(own.replaced_by(file.region));
    }
    match on_waiting {
        OnWaiting::Discard if own.region.is_some() => own.keep(writer),
        _ if !is_authentic(&file.region, key) => Err(foreign()),
        OnWaiting::Finish => {
            requirements.check_region(container, &file.region)?;
            // The file is written again, because the one found is not bound to this inode.
            writer.write(key, &container.prologue, &own.mac(), &file.region_bytes)?;
            Ok(own.replaced_by(file.region))
        }
        _ => Err(RekeyError::Waiting(Box::new(own.waiting(writer, &file)))),
    }
}

/// Returns true if a rekeying of this exact file was interrupted before its region was completely
/// written.
fn is_interrupted(
    file: &RekeyFile,
    own: &OwnRegion,
    key: &FittingKey,
    writer: &RegionWriter<'_>,
) -> Result<bool, RekeyError> {
    let replaces_own = own.region.as_ref().is_none_or(|region| file.replaces(region));
    Ok(replaces_own && is_authentic(&file.region, key) && file.is_of(key, &writer.inode()?))
}

fn is_authentic(region: &StanzaRegion, key: &FittingKey) -> bool {
    region.is_authentic(key, Label::StanzaMac, &[])
}

/// The container's own region.
struct OwnRegion {
    bytes: Vec<u8>,
    /// Its stanzas, unless they are damaged or not authentic.
    region: Option<StanzaRegion>,
}

impl OwnRegion {
    fn read(container: &Container, key: &FittingKey) -> Result<Self, OpenError> {
        let bytes = container.read_region()?;
        let region = StanzaRegion::parse_padded(&bytes).filter(|region| is_authentic(region, key));
        Ok(Self { bytes, region })
    }

    /// Returns the MAC by which a rekeying file identifies this region: zeros if it is damaged.
    fn mac(&self) -> [u8; 32] {
        self.region.as_ref().map_or([0; 32], |region| *region.mac())
    }

    fn settled(self) -> Result<Settled, RekeyError> {
        let region = self.region.ok_or(OpenError::NotAuthentic(Section::Stanzas))?;
        Ok(Settled { before: region.stanzas.clone(), region })
    }

    /// Syncs the container, then removes the rekeying file.
    fn keep(self, writer: &RegionWriter<'_>) -> Result<Settled, RekeyError> {
        let settled = self.settled()?;
        writer.synchronize()?;
        writer.remove_rekey_file()?;
        Ok(settled)
    }

    fn replaced_by(self, region: StanzaRegion) -> Settled {
        let before = self.region.map_or_else(|| region.stanzas.clone(), |own| own.stanzas);
        Settled { before, region }
    }

    fn waiting(self, writer: &RegionWriter<'_>, file: &RekeyFile) -> WaitingStanzas {
        WaitingStanzas {
            path: writer.rekey_file(),
            generation: file.region.generation,
            stanzas: StanzaSummary::all(&file.region),
            own_generation: self.region.as_ref().map(|region| region.generation),
            own_stanzas: self.region.as_ref().map(StanzaSummary::all).unwrap_or_default(),
        }
    }
}
