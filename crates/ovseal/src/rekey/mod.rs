//! Rekeying: other stanzas for the same data key, without touching the payload (`docs/format.md` §8).

mod lock;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};

use writer::{NoFaults, RegionWriter};

use crate::container::{Container, Trust};
use crate::error::{ErrorKind, OpenError, Section};
use crate::key::{FittingKey, Label};
use crate::open::{OpenOptions, Unlocked};
use crate::prologue::Prologue;
use crate::recipient::{Identity, Recipient, RecipientClass, WrapError};
use crate::region::{self, GENERATION_LIMIT, StanzaBlock};
use crate::regular;
use crate::seal::check_mixing;
use crate::side_file::{self, SideFile};
use crate::stanza::{self, Stanza};

/// Which stanzas a container gets and which it loses.
///
/// Removing a stanza revokes nothing: whoever had the data key or kept an old copy still opens this payload. Revoking
/// means sealing anew with a higher security version.
/// Rekeying vouches for the container: it wraps the data key for others. Name the publisher with
/// [`trust`](Self::trust); without it, only containers for passphrases and key files are rekeyed.
#[must_use = "settings do nothing until they are used to rekey"]
pub struct RekeyOptions<'a> {
    trust: Trust,
    add: Vec<&'a dyn Recipient>,
    remove: Vec<usize>,
    generation: Option<u64>,
    allow_mixed: bool,
    allow_only_enclave: bool,
}

/// A container could not be rekeyed. It opens as before, or as intended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// The container cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A recipient could not wrap the data key.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// There is nothing to do.
    #[error("nothing to add or remove")]
    Nothing,
    /// A side file is replaced as a whole; stanzas of the container cannot be removed by it.
    #[error("a side file removes nothing")]
    RemoveFromSideFile,
    /// There is no stanza with this number.
    #[error("the container has no stanza {0}")]
    NoSuchStanza(usize),
    /// No stanza would be left.
    #[error("no stanza would be left: nobody could open the container")]
    LastStanza,
    /// Only enclaves' keys would be left, and such a key changes with the processor's microcode.
    #[error("only an enclave's key would be left, and it changes with the processor's microcode")]
    OnlyEnclave,
    /// There would be too many stanzas, or more than one for a passphrase.
    #[error(
        "a container holds at most 32 stanzas, one of them for a passphrase, and one for each device with a passphrase"
    )]
    TooManyStanzas,
    /// The stanzas do not fit into the room that was left for them when the container was sealed.
    #[error("the stanzas do not fit into the {room} bytes that were left for them")]
    NoRoom {
        /// Bytes in the region.
        room: u64,
    },
    /// Post-quantum and classical public keys would be mixed.
    #[error("post-quantum and classical public keys are mixed")]
    MixedRecipients,
    /// Another process is rekeying the container.
    #[error("another process is rekeying {}", path.display())]
    Locked {
        /// The container.
        path: PathBuf,
    },
    /// The container's generation can grow no further.
    #[error("the container was rekeyed as often as the format allows")]
    LastGeneration,
    /// The container has several names, beside each of which a rekeying could leave its file.
    #[error("{} has several hard links", path.display())]
    HardLinks {
        /// The container.
        path: PathBuf,
    },
    /// The path does not name the container itself.
    #[error("{} is {what}, and is not changed in place", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What it names, in words.
        what: &'static str,
    },
    /// The container was replaced by another one meanwhile.
    #[error("{} was replaced while it was rekeyed", path.display())]
    Replaced {
        /// The container.
        path: PathBuf,
    },
    /// The stanzas changed after the caller looked at them.
    #[error("the stanzas changed meanwhile: they are of generation {found}, not {expected}")]
    GenerationChanged {
        /// The generation that the caller saw.
        expected: u64,
        /// The generation now.
        found: u64,
    },
    /// The file of an interrupted rekeying is there but is not this container's, incomplete, or not authentic.
    #[error("{} is not the unfinished rekeying of this container", path.display())]
    ForeignRekeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The container or a file beside it cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl RekeyError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Open(error) => error.kind(),
            Self::Wrap(error) => error.kind(),
            Self::Write { .. } | Self::Locked { .. } | Self::HardLinks { .. } => ErrorKind::Environment,
            Self::ForeignRekeyFile { .. } => ErrorKind::NotAuthentic,
            Self::Replaced { .. } | Self::GenerationChanged { .. } => ErrorKind::Environment,
            _ => ErrorKind::Usage,
        }
    }
}

/// What a rekeying made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// The generation of the stanzas now.
    pub generation: u64,
    /// How many stanzas there are now.
    pub stanzas: usize,
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
            trust: Trust::SharedSecret,
            add: Vec::new(),
            remove: Vec::new(),
            generation: None,
            allow_mixed: false,
            allow_only_enclave: false,
        }
    }

    /// Sets who must have made the container; [`Trust::SharedSecret`] without it.
    pub fn trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
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
        if self.add.is_empty() && self.remove.is_empty() {
            return Err(RekeyError::Nothing);
        }
        refuse_irregular(path)?;
        let writer = RegionWriter::lock(path, faults)?;
        let container = writer.container()?;
        let Unlocked { key, .. } = self.unlock(&container, identities)?;
        let is_authentic = |block: &StanzaBlock| block.is_authentic(&key, Label::StanzaMac, &[]);
        let is_unfinished = writer.check_rekey_file(&container.prologue, is_authentic)?;
        // The newest of the candidates, also when the key that fitted stands in an older one only.
        let block = container.stanza_blocks()?.into_iter().find(is_authentic);
        let block = block.ok_or(OpenError::NotAuthentic(Section::Stanzas))?;
        if let Some(expected) = self.generation.filter(|&expected| expected != block.generation) {
            if is_unfinished {
                // The caller saw the container's own stanzas; he sees these when he looks again.
                write(&writer, &container.prologue, &block)?;
            }
            return Err(RekeyError::GenerationChanged { expected, found: block.generation });
        }
        let stanzas = self.stanzas(&key, &block)?;
        let generation = next_generation(block.generation)?;
        let rekeyed = Rekeyed { generation, stanzas: stanzas.len() };
        let block = StanzaBlock::new(&key, Label::StanzaMac, &[], generation, stanzas);
        write(&writer, &container.prologue, &block)?;
        Ok(rekeyed)
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
        let Unlocked { key, block, .. } = self.unlock(&container, identities)?;
        self.check_mixing(&block.stanzas)?;
        let previous = SideFile::read(&container)?;
        let generation = previous.map_or(Ok(1), |side| next_generation(side.block.generation))?;
        let stanzas = self.added(&key)?;
        if !stanza::are_allowed(&stanzas) {
            return Err(RekeyError::TooManyStanzas);
        }
        let rekeyed = Rekeyed { generation, stanzas: stanzas.len() };
        side_file::write(&container, &key, generation, stanzas)
            .map_err(|source| RekeyError::Write { path: path.into(), source })?;
        Ok(rekeyed)
    }

    /// Checks who made the container, and finds its data key.
    fn unlock(&self, container: &Container, identities: &[&dyn Identity]) -> Result<Unlocked, OpenError> {
        OpenOptions::new(self.trust.clone()).unlock(container, identities)
    }

    fn stanzas(&self, key: &FittingKey, block: &StanzaBlock) -> Result<Vec<Stanza>, RekeyError> {
        if let Some(&number) = self.remove.iter().find(|&&number| number >= block.stanzas.len()) {
            return Err(RekeyError::NoSuchStanza(number));
        }
        let kept = block.stanzas.iter().enumerate().filter(|(number, _)| !self.remove.contains(number));
        let mut stanzas: Vec<Stanza> = kept.map(|(_, stanza)| stanza.clone()).collect();
        self.check_mixing(&stanzas)?;
        stanzas.extend(self.added(key)?);
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
        check_mixing(classes, self.allow_mixed).map_err(|_| RekeyError::MixedRecipients)
    }

    fn added(&self, key: &FittingKey) -> Result<Vec<Stanza>, RekeyError> {
        let wrap = |recipient: &&dyn Recipient| recipient.wrap(key.data_key(), key.context());
        Ok(self.add.iter().map(wrap).collect::<Result<_, _>>()?)
    }
}

/// Fails if `path` names a link, a pipe, a device or a directory. That nothing is there is told when it is opened.
fn refuse_irregular(path: &Path) -> Result<(), RekeyError> {
    match regular::irregular(path) {
        Ok(Some(what)) => Err(RekeyError::NotRegular { path: path.into(), what }),
        _ => Ok(()),
    }
}

fn write(writer: &RegionWriter<'_>, prologue: &Prologue, block: &StanzaBlock) -> Result<(), RekeyError> {
    let room = prologue.region_length;
    let region = region::encode_region(block, room).ok_or(RekeyError::NoRoom { room })?;
    writer.write(prologue, &region)
}

fn next_generation(generation: u64) -> Result<u64, RekeyError> {
    if generation < GENERATION_LIMIT { Ok(generation + 1) } else { Err(RekeyError::LastGeneration) }
}
