//! The stanza regions that may hold the data key.

use std::cmp::Reverse;

use ovseal_format::stanza_region::StanzaRegion;

use super::frame::Container;
use super::rekey_file;
use crate::error::{OpenError, Section};

/// The stanza regions that may hold the data key.
///
/// There are two while a rekeying is under way, after it was interrupted, or if someone planted a
/// rekeying file.
pub(crate) struct Candidates {
    /// The container's own region, unless it is damaged.
    pub(crate) own: Option<StanzaRegion>,
    /// The region in a complete rekeying file.
    pub(crate) waiting: Option<StanzaRegion>,
}

impl Candidates {
    /// Returns the regions in the order in which they are tried: the higher generation first. If
    /// the generations are equal, the container's own region is first.
    pub(crate) fn newest_first(&self) -> Vec<&StanzaRegion> {
        let mut regions: Vec<&StanzaRegion> = self.own.iter().chain(&self.waiting).collect();
        regions.sort_by_key(|region| Reverse(region.generation));
        regions
    }
}

impl Container {
    /// Reads the stanza regions that may hold the data key. Fails if there is none.
    pub(crate) fn candidates(&self) -> Result<Candidates, OpenError> {
        // A writer may be at work, so a torn region is read again.
        for _ in 0..2 {
            let own = self.own_region()?;
            let file = self.path.as_deref().and_then(|path| rekey_file::read(path, &self.prologue));
            let waiting = file.map(|file| file.region);
            if own.is_some() || waiting.is_some() {
                return Ok(Candidates { own, waiting });
            }
        }
        Err(OpenError::Damaged(Section::Stanzas))
    }

    /// Reads the container's own stanzas, or returns `None` if their region is damaged.
    pub(crate) fn own_region(&self) -> Result<Option<StanzaRegion>, OpenError> {
        Ok(StanzaRegion::parse_padded(&self.read_region()?))
    }
}
