//! A rekeying file that a writer finds: finished, removed, or left for the caller to decide
//! (`docs/format.md` §8).
//!
//! Anyone who can write to the directory can put an authentic region of another copy there. So only
//! what a holder of the key wrote for this very file, and for the region that is in it, is finished
//! without being asked.

use std::fmt;
use std::path::PathBuf;

use ovseal_format::crypto::data_key::{FittingKey, Label};
use ovseal_format::stanza::Stanza;
use ovseal_format::stanza_region::StanzaRegion;

use super::RekeyError;
use super::writer::{Found, RegionWriter};
use crate::container::Container;
use crate::container::inspect::StanzaSummary;
use crate::container::rekey_file::RekeyFile;
use crate::error::{OpenError, Section};
use crate::unlock::Requirements;

/// What a rekeying does with stanzas that wait next to the container and that it may not take over
/// by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnWaiting {
    /// Fails with [`RekeyError::Waiting`], which shows them, and changes nothing.
    #[default]
    Refuse,
    /// Removes them. This is refused while the container's own stanzas are damaged.
    Discard,
    /// Puts them into the container, in the place of its own.
    Finish,
}

/// Stanzas that wait next to a container, and those that are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingStanzas {
    /// The file in which they wait.
    pub path: PathBuf,
    /// Their generation.
    pub generation: u64,
    /// The stanzas that wait.
    pub stanzas: Vec<StanzaSummary>,
    /// The generation of the container's own stanzas; nothing if they are damaged.
    pub own_generation: Option<u64>,
    /// The container's own stanzas.
    pub own_stanzas: Vec<StanzaSummary>,
}

impl fmt::Display for WaitingStanzas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, generation, stanzas) = (self.path.display(), self.generation, types(&self.stanzas));
        write!(f, "{path} holds other stanzas: generation {generation} ({stanzas}); ")?;
        match self.own_generation {
            Some(own) => write!(f, "the container has generation {own} ({})", types(&self.own_stanzas)),
            None => f.write_str("the container's own are damaged"),
        }
    }
}

fn types(stanzas: &[StanzaSummary]) -> String {
    stanzas.iter().map(|stanza| stanza.stanza_type.as_str()).collect::<Vec<_>>().join(", ")
}

/// The container's own stanzas after no other ones wait.
pub(super) struct Settled {
    /// Those that were in it before, or the same ones if these were damaged.
    pub(super) before: Vec<Stanza>,
    pub(super) region: StanzaRegion,
}

/// Decides what becomes of the rekeying file, if there is one, and does it.
pub(super) fn settle(
    writer: &RegionWriter<'_>,
    container: &Container,
    key: &FittingKey,
    on_waiting: OnWaiting,
    requirements: &Requirements,
) -> Result<Settled, RekeyError> {
    let own = Own::read(container, key)?;
    let file = match writer.find(&container.prologue) {
        Found::Nothing => return own.settled(),
        Found::Incomplete if on_waiting == OnWaiting::Discard => return own.alone(writer),
        Found::Incomplete => return Err(RekeyError::ForeignRekeyFile { path: writer.rekey_file() }),
        Found::Complete(file) => file,
    };
    if file.region_bytes == own.bytes {
        return own.alone(writer);
    }
    if is_interrupted(&file, &own, key, writer)? {
        requirements.check_region(container, &file.region)?;
        writer.finish(&file.region_bytes)?;
        return Ok(own.replaced_by(file.region));
    }
    match on_waiting {
        OnWaiting::Discard if own.region.is_some() => own.alone(writer),
        _ if !is_authentic(&file.region, key) => {
            Err(RekeyError::ForeignRekeyFile { path: writer.rekey_file() })
        }
        OnWaiting::Finish => {
            requirements.check_region(container, &file.region)?;
            writer.write(key, &container.prologue, &own.mac(), &file.region_bytes)?;
            Ok(own.replaced_by(file.region))
        }
        _ => Err(RekeyError::Waiting(Box::new(own.waiting(writer, &file)))),
    }
}

/// Returns true if a rekeying of this very file was interrupted before it had written its region.
fn is_interrupted(
    file: &RekeyFile,
    own: &Own,
    key: &FittingKey,
    writer: &RegionWriter<'_>,
) -> Result<bool, RekeyError> {
    let replaces_own = own.region.as_ref().is_none_or(|region| file.replaces(region));
    Ok(replaces_own && is_authentic(&file.region, key) && file.is_of(key, &writer.place()?))
}

fn is_authentic(region: &StanzaRegion, key: &FittingKey) -> bool {
    region.is_authentic(key, Label::StanzaMac, &[])
}

/// The container's own region.
struct Own {
    bytes: Vec<u8>,
    /// Its stanzas, unless they are damaged or not authentic.
    region: Option<StanzaRegion>,
}

impl Own {
    fn read(container: &Container, key: &FittingKey) -> Result<Self, OpenError> {
        let bytes = container.read_region()?;
        let region = StanzaRegion::parse_padded(&bytes).filter(|region| is_authentic(region, key));
        Ok(Self { bytes, region })
    }

    /// Returns the MAC by which a rekeying file names this region: zeros if it is damaged.
    fn mac(&self) -> [u8; 32] {
        self.region.as_ref().map_or([0; 32], |region| *region.mac())
    }

    fn settled(self) -> Result<Settled, RekeyError> {
        let region = self.region.ok_or(OpenError::NotAuthentic(Section::Stanzas))?;
        Ok(Settled { before: region.stanzas.clone(), region })
    }

    /// Removes the rekeying file; these stanzas stay, and are on the disk before it goes.
    fn alone(self, writer: &RegionWriter<'_>) -> Result<Settled, RekeyError> {
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
        let summaries = |region: &StanzaRegion| region.stanzas.iter().map(StanzaSummary::of).collect();
        WaitingStanzas {
            path: writer.rekey_file(),
            generation: file.region.generation,
            stanzas: summaries(&file.region),
            own_generation: self.region.as_ref().map(|region| region.generation),
            own_stanzas: self.region.as_ref().map(summaries).unwrap_or_default(),
        }
    }
}
