//! A rekeying file that a writer finds: finished, removed, or left for the caller to decide
//! (`docs/format.md` §8).
//!
//! Anyone who can write to the directory can put an authentic region of another copy there. So only
//! what a holder of the key wrote for this very file, and for the region that is in it, is finished
//! without being asked.

use std::fmt;
use std::path::PathBuf;

use super::RekeyError;
use super::writer::{Found, RegionWriter};
use crate::container::Container;
use crate::error::{OpenError, Section};
use crate::inspect::StanzaSummary;
use crate::key::{FittingKey, Label};
use crate::open::OpenOptions;
use crate::region::{self, StanzaBlock};
use crate::rekey_file::RekeyFile;
use crate::stanza::Stanza;

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
    pub(super) block: StanzaBlock,
}

/// Decides what becomes of the rekeying file, if there is one, and does it.
pub(super) fn settle(
    writer: &RegionWriter<'_>,
    container: &Container,
    key: &FittingKey,
    on_waiting: OnWaiting,
    opening: &OpenOptions,
) -> Result<Settled, RekeyError> {
    let own = Own::read(container, key)?;
    let file = match writer.find(&container.prologue) {
        Found::Nothing => return own.settled(),
        Found::Incomplete if on_waiting == OnWaiting::Discard => return own.alone(writer),
        Found::Incomplete => return Err(RekeyError::ForeignRekeyFile { path: writer.rekey_file() }),
        Found::Complete(file) => file,
    };
    if file.region == own.region {
        return own.alone(writer);
    }
    if is_interrupted(&file, &own, key, writer)? {
        opening.check_block(container, &file.block)?;
        writer.finish(&file.region)?;
        return Ok(own.replaced_by(file.block));
    }
    match on_waiting {
        OnWaiting::Discard if own.block.is_some() => own.alone(writer),
        _ if !is_authentic(&file.block, key) => {
            Err(RekeyError::ForeignRekeyFile { path: writer.rekey_file() })
        }
        OnWaiting::Finish => {
            opening.check_block(container, &file.block)?;
            writer.write(key, &container.prologue, &own.mac(), &file.region)?;
            Ok(own.replaced_by(file.block))
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
    let replaces_own = own.block.as_ref().is_none_or(|block| file.replaces(block));
    Ok(replaces_own && is_authentic(&file.block, key) && file.is_of(key, &writer.place()?))
}

fn is_authentic(block: &StanzaBlock, key: &FittingKey) -> bool {
    block.is_authentic(key, Label::StanzaMac, &[])
}

/// The container's own region.
struct Own {
    region: Vec<u8>,
    /// Its stanzas, unless they are damaged or not authentic.
    block: Option<StanzaBlock>,
}

impl Own {
    fn read(container: &Container, key: &FittingKey) -> Result<Self, OpenError> {
        let region = container.read_region()?;
        let block = region::parse_region(&region).filter(|block| is_authentic(block, key));
        Ok(Self { region, block })
    }

    /// Returns the MAC by which a rekeying file names this region: zeros if it is damaged.
    fn mac(&self) -> [u8; 32] {
        self.block.as_ref().map_or([0; 32], |block| *block.mac())
    }

    fn settled(self) -> Result<Settled, RekeyError> {
        let block = self.block.ok_or(OpenError::NotAuthentic(Section::Stanzas))?;
        Ok(Settled { before: block.stanzas.clone(), block })
    }

    /// Removes the rekeying file; these stanzas stay, and are on the disk before it goes.
    fn alone(self, writer: &RegionWriter<'_>) -> Result<Settled, RekeyError> {
        let settled = self.settled()?;
        writer.synchronize()?;
        writer.remove_rekey_file()?;
        Ok(settled)
    }

    fn replaced_by(self, block: StanzaBlock) -> Settled {
        let before = self.block.map_or_else(|| block.stanzas.clone(), |own| own.stanzas);
        Settled { before, block }
    }

    fn waiting(self, writer: &RegionWriter<'_>, file: &RekeyFile) -> WaitingStanzas {
        let summaries = |block: &StanzaBlock| block.stanzas.iter().map(StanzaSummary::of).collect();
        WaitingStanzas {
            path: writer.rekey_file(),
            generation: file.block.generation,
            stanzas: summaries(&file.block),
            own_generation: self.block.as_ref().map(|block| block.generation),
            own_stanzas: self.block.as_ref().map(summaries).unwrap_or_default(),
        }
    }
}
