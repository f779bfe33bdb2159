//! From the caller's identities to the data key.

use crate::container::Container;
use crate::error::{OpenError, Section};
use crate::key::{FittingKey, Label};
use crate::open::Sender;
use crate::recipient::Identity;
use crate::region::StanzaBlock;
use crate::side_file::SideFile;
use crate::stanza::Stanza;

/// A key that fits and the stanzas, all of them authentic.
pub(crate) struct Unlocked {
    pub(crate) key: FittingKey,
    pub(crate) block: StanzaBlock,
    pub(crate) side_stanzas: Option<Vec<Stanza>>,
    /// The number of the container's stanza that gave the key, from 0; none when one of the side file did.
    pub(crate) stanza: Option<usize>,
}

/// Finds the data key with one of `identities`, then checks the MACs over everything that held it.
///
/// When a rekeying was interrupted there are two blocks; the second is tried if the first gives no key or is not
/// authentic, so that a planted file cannot keep the container from being opened.
pub(crate) fn unlock(
    container: &Container,
    sender: &Sender<'_>,
    identities: &[&dyn Identity],
) -> Result<Unlocked, OpenError> {
    let side = SideFile::read(container)?;
    let blocks = container.stanza_blocks()?;
    sender.check(&blocks, side.as_ref())?;
    let mut failure = None;
    for block in blocks {
        match unlock_block(container, side.as_ref(), &block, identities) {
            Ok((key, stanza)) => {
                let side_stanzas = side.map(|side| side.block.stanzas);
                return Ok(Unlocked { key, block, side_stanzas, stanza });
            }
            Err(error) => failure = Some(prefer(failure, error)),
        }
    }
    Err(failure.unwrap_or(OpenError::Damaged(Section::Stanzas)))
}

/// The more telling of two failures: that a key fitted says more than that none did.
fn prefer(earlier: Option<OpenError>, later: OpenError) -> OpenError {
    match earlier {
        Some(earlier) if !matches!(earlier, OpenError::NoKeyFits { .. }) => earlier,
        _ => later,
    }
}

fn unlock_block(
    container: &Container,
    side: Option<&SideFile>,
    block: &StanzaBlock,
    identities: &[&dyn Identity],
) -> Result<(FittingKey, Option<usize>), OpenError> {
    let local = side.map_or(&[][..], |side| &side.block.stanzas);
    let (key, position) = find_key(container, local.iter().chain(&block.stanzas), identities)?;
    if let Some(side) = side {
        side.authenticate(&key)?;
    }
    let authentic = block.is_authentic(&key, Label::StanzaMac, &[]);
    let number = position.checked_sub(local.len());
    if authentic { Ok((key, number)) } else { Err(OpenError::NotAuthentic(Section::Stanzas)) }
}

/// The first key that fits, and the position of its stanza. An identity that could not be tried matters only if no other one fits.
fn find_key<'s>(
    container: &Container,
    stanzas: impl Iterator<Item = &'s Stanza> + Clone,
    identities: &[&dyn Identity],
) -> Result<(FittingKey, usize), OpenError> {
    let context = container.prologue.context();
    let mut failure = None;
    for identity in identities {
        let kind = identity.stanza_type();
        let ours = |(_, stanza): &(usize, &Stanza)| stanza.stanza_type().as_str() == kind;
        for (position, stanza) in stanzas.clone().enumerate().filter(ours) {
            match identity.unwrap(stanza, &context) {
                Ok(None) => {}
                Ok(Some(key)) => {
                    if let Some(key) = key.fit(&container.prologue) {
                        return Ok((key, position));
                    }
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    let mut kinds: Vec<String> = stanzas.map(|stanza| stanza.stanza_type().to_string()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    Err(failure.map_or(OpenError::NoKeyFits { stanzas: kinds }, OpenError::Unwrap))
}
