//! Rekeying: other stanzas for the same data key, without touching the payload (`docs/format.md` §8).

mod error;
mod lock;
#[cfg(test)]
mod tests;
mod waiting;
mod writer;

use std::path::Path;

use ovseal_format::crypto::data_key::{FittingKey, Label};
use ovseal_format::recipient::Context;
use ovseal_format::recipient::{Identity, Recipient};
use ovseal_format::stanza::{self, Stanza};
use ovseal_format::stanza_kind::{RecipientClass, are_mixed};
use ovseal_format::stanza_region::{GENERATION_LIMIT, StanzaRegion};

use crate::container::Trust;
use crate::container::inspect::StanzaSummary;
use crate::container::side_file::{self, SideFile};
use crate::unlock::{KdfLimit, Requirements, Unlocked};
pub use error::RekeyError;
use waiting::Settled;
pub use waiting::{OnWaiting, WaitingStanzas};
use writer::{NoFaults, RegionWriter};

/// Which stanzas a container gets and which it loses.
///
/// Removing a stanza revokes nothing: whoever had the data key or kept an old copy still opens this payload. Revoking
/// means sealing anew with a higher security version.
/// Rekeying vouches for the container: it wraps the data key for others. Name the publisher with
/// [`trust`](Self::trust); without it, only containers for passphrases and key files are rekeyed.
#[must_use = "settings do nothing until they are used to rekey"]
pub struct RekeyOptions<'a> {
    requirements: Requirements,
    add: Vec<&'a dyn Recipient>,
    remove: Vec<usize>,
    generation: Option<u64>,
    allow_mixed: bool,
    allow_only_enclave: bool,
    on_waiting: OnWaiting,
}

/// What a rekeying made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rekeyed {
    /// The generation of the stanzas now.
    pub generation: u64,
    /// How many stanzas there are now.
    pub stanzas: usize,
    /// The stanzas that came, also by an earlier rekeying that was finished.
    pub added: Vec<StanzaSummary>,
    /// The stanzas that went.
    pub removed: Vec<StanzaSummary>,
}

impl Rekeyed {
    fn new(generation: u64, before: &[Stanza], now: &[Stanza]) -> Self {
        let (added, removed) = (difference(now, before), difference(before, now));
        Self { generation, stanzas: now.len(), added, removed }
    }
}

/// Returns those of `these` stanzas that are not among the `others`.
fn difference(these: &[Stanza], others: &[Stanza]) -> Vec<StanzaSummary> {
    these.iter().filter(|stanza| !others.contains(stanza)).map(StanzaSummary::of).collect()
}

impl Default for RekeyOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> RekeyOptions<'a> {
    /// Makes settings that change nothing yet.
    pub fn new() -> Self {
        Self {
            requirements: Requirements::new(Trust::SharedSecret),
            add: Vec::new(),
            remove: Vec::new(),
            generation: None,
            allow_mixed: false,
            allow_only_enclave: false,
            on_waiting: OnWaiting::default(),
        }
    }

    /// Sets who must have made the container; [`Trust::SharedSecret`] without it.
    pub fn trust(mut self, trust: Trust) -> Self {
        self.requirements.trust = trust;
        self
    }

    /// Adds someone who can open the container.
    pub fn add_recipient(mut self, recipient: &'a dyn Recipient) -> Self {
        self.add.push(recipient);
        self
    }

    /// Removes the stanza with this number, counted from 0 as [`Inspection`](crate::Inspection) lists them.
    pub fn remove_stanza(mut self, number: usize) -> Self {
        self.remove.push(number);
        self
    }

    /// Demands that the stanzas are still of this generation, which numbers of stanzas to remove refer to.
    ///
    /// An interrupted rekeying, whose stanzas a look at the container does not show, is finished before they are found to be of
    /// another one.
    pub fn expect_generation(self, generation: u64) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// Decides about stanzas that wait next to the container and that a rekeying may not take over
    /// by itself.
    ///
    /// With a decision, a rekeying may add and remove nothing else.
    pub fn on_waiting(self, on_waiting: OnWaiting) -> Self {
        Self { on_waiting, ..self }
    }

    /// Limits key derivation as [`OpenOptions::kdf_limit`](crate::OpenOptions::kdf_limit) does.
    pub fn kdf_limit(mut self, mib: u32) -> Self {
        self.requirements.kdf_limit = KdfLimit { mib };
        self
    }

    /// Allows post-quantum beside classical public keys.
    pub fn allow_mixed(self, allow_mixed: bool) -> Self {
        Self { allow_mixed, ..self }
    }

    /// Allows that only an enclave's key is left; the container is lost when that key changes.
    pub fn allow_only_enclave(self, allow_only_enclave: bool) -> Self {
        Self { allow_only_enclave, ..self }
    }

    /// Rekeys the container at `path` in place; a crash at any moment leaves the old or the new stanzas.
    ///
    /// It takes as long for a large container as for a small one.
    ///
    /// # Errors
    /// [`RekeyError`].
    pub fn rekey(&self, path: &Path, identities: &[&dyn Identity]) -> Result<Rekeyed, RekeyError> {
        self.rekey_with(path, identities, &NoFaults)
    }

    fn rekey_with(
        &self,
        path: &Path,
        identities: &[&dyn Identity],
        faults: &dyn writer::Faults,
    ) -> Result<Rekeyed, RekeyError> {
        if self.changes_nothing() && self.on_waiting == OnWaiting::Refuse {
            return Err(RekeyError::Nothing);
        }
        refuse_irregular(path)?;
        let writer = RegionWriter::lock(path, faults)?;
        let container = writer.container()?;
        let (Unlocked { key, .. }, context) = self.requirements.unlock(&container, identities)?;
        let Settled { before, region } =
            waiting::settle(&writer, &container, &key, self.on_waiting, &self.requirements)?;
        if let Some(expected) = self.generation.filter(|&expected| expected != region.generation) {
            return Err(RekeyError::GenerationChanged { expected, found: region.generation });
        }
        if self.changes_nothing() {
            return Ok(Rekeyed::new(region.generation, &before, &region.stanzas));
        }
        let stanzas = self.stanzas(&key, &context, &region)?;
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

    /// Writes the added stanzas to the side file of the container at `path`, in place of those that stand there.
    ///
    /// The container itself is not touched and may be read-only. Nothing can be removed in this way.
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
        let (container, _lock) = lock::shared(path)?;
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
        side_file::write(&container, &key, generation, stanzas)
            .map_err(|source| RekeyError::Write { path: path.into(), source })?;
        Ok(rekeyed)
    }

    fn stanzas(
        &self,
        key: &FittingKey,
        context: &Context,
        region: &StanzaRegion,
    ) -> Result<Vec<Stanza>, RekeyError> {
        if let Some(&number) = self.remove.iter().find(|&&number| number >= region.stanzas.len()) {
            return Err(RekeyError::NoSuchStanza(number));
        }
        let kept = region.stanzas.iter().enumerate().filter(|(number, _)| !self.remove.contains(number));
        let mut stanzas: Vec<Stanza> = kept.map(|(_, stanza)| stanza.clone()).collect();
        self.check_mixing(&stanzas)?;
        stanzas.extend(self.added(key, context)?);
        match stanzas.len() {
            0 => Err(RekeyError::LastStanza),
            _ if stanza::are_only_enclaves(&stanzas) && !self.allow_only_enclave => {
                Err(RekeyError::OnlyEnclave)
            }
            _ if stanza::are_allowed(&stanzas) => Ok(stanzas),
            _ => Err(RekeyError::TooManyStanzas),
        }
    }

    fn check_mixing(&self, stanzas: &[Stanza]) -> Result<(), RekeyError> {
        // Types that are not known here are those of other crates: keys of this device. A TPM's is that only beside a post-quantum key,
        // where it was bound, or mixed because somebody said so; by itself it may be a sender's.
        let class = |stanza: &Stanza| stanza.stanza_type().class();
        let has_post_quantum =
            stanzas.iter().any(|stanza| class(stanza) == Some(RecipientClass::PostQuantumPublicKey));
        let unknown = |stanza: &Stanza| match stanza.stanza_type().is_post_quantum() {
            Some(false) if !has_post_quantum => RecipientClass::ClassicalPublicKey,
            _ => RecipientClass::SymmetricOrLocal,
        };
        let kept = stanzas.iter().map(|stanza| class(stanza).unwrap_or_else(|| unknown(stanza)));
        let classes = kept.chain(self.add.iter().map(|recipient| recipient.class()));
        if !self.allow_mixed && are_mixed(classes) { Err(RekeyError::MixedRecipients) } else { Ok(()) }
    }

    fn added(&self, key: &FittingKey, context: &Context) -> Result<Vec<Stanza>, RekeyError> {
        let wrap = |recipient: &&dyn Recipient| recipient.wrap(key.data_key(), context);
        Ok(self.add.iter().map(wrap).collect::<Result<_, _>>()?)
    }
}

/// Fails if `path` names a link, a pipe, a device or a directory. That nothing is there is told when it is opened.
fn refuse_irregular(path: &Path) -> Result<(), RekeyError> {
    match ovseal_files::irregular(path) {
        Ok(Some(what)) => Err(RekeyError::NotRegular { path: path.into(), what }),
        _ => Ok(()),
    }
}

fn next_generation(generation: u64) -> Result<u64, RekeyError> {
    if generation < GENERATION_LIMIT { Ok(generation + 1) } else { Err(RekeyError::LastGeneration) }
}
