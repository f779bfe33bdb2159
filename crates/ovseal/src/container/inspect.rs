//! What can be known of a container without a key; none of it is authenticated.

use std::path::Path;

use ovseal_format::layout::ChunkSize;
use ovseal_format::prologue::ContainerId;
use ovseal_format::stanza::{Stanza, StanzaType};
use ovseal_format::statement::{KeyId, ModelId};
use ovseal_format::suite::Suite;

use crate::container::side_file::SideFile;
use crate::container::{Candidates, Container, Trust};
use crate::error::{OpenError, Section};

/// The public face of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The cryptographic suite.
    pub suite: Suite,
    /// The size of a chunk.
    pub chunk_size: ChunkSize,
    /// The container's random name.
    pub container_id: ContainerId,
    /// Length of the file in bytes.
    pub length: u64,
    /// Whether the container's own stanzas are damaged; those of an unfinished rekeying are then shown.
    pub is_region_damaged: bool,
    /// How often the stanzas were written: 1 after sealing.
    pub generation: u64,
    /// The stanzas of the container.
    pub stanzas: Vec<StanzaSummary>,
    /// The stanzas of the side file, if there is one.
    pub side_file: Option<Vec<StanzaSummary>>,
    /// The lengths of the parts in bytes.
    pub part_lengths: Vec<u64>,
    /// SHA-256 of the model's name: whoever guesses the name can confirm it.
    pub model_id: ModelId,
    /// The security version.
    pub security_version: u64,
    /// Key ids of the publishers who claim to have signed.
    pub publishers: Vec<KeyId>,
}

/// What a stanza shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaSummary {
    /// Its type.
    pub stanza_type: StanzaType,
    /// Its public parameters.
    pub parameters: Vec<u8>,
    /// Its length in bytes.
    pub length: usize,
    /// Whether it withstands a quantum computer, as far as this version knows the type.
    pub post_quantum: Option<bool>,
}

impl Inspection {
    /// Looks at the container at `path`.
    ///
    /// # Errors
    /// [`OpenError`] when it is no container or damaged.
    pub fn of(path: &Path) -> Result<Self, OpenError> {
        let container = Container::open(path)?;
        let verified = container.authenticate(&Trust::AnySender)?;
        // What the container itself says comes first: anyone who can write beside it can plant an unfinished rekeying.
        let Candidates { own, waiting } = container.candidates()?;
        let is_damaged = own.is_none();
        let region = own.or(waiting).ok_or(OpenError::Damaged(Section::Stanzas))?;
        let side_file = SideFile::read(&container)?;
        let prologue = &container.prologue;
        let statement = verified.statement;
        Ok(Self {
            suite: prologue.suite,
            chunk_size: prologue.chunk_size,
            container_id: prologue.container_id,
            length: container.length,
            is_region_damaged: is_damaged,
            generation: region.generation,
            stanzas: region.stanzas.iter().map(StanzaSummary::of).collect(),
            side_file: side_file.map(|side| side.region.stanzas.iter().map(StanzaSummary::of).collect()),
            model_id: statement.model(),
            part_lengths: statement.lengths,
            security_version: statement.security_version,
            publishers: statement.publishers,
        })
    }
}

impl StanzaSummary {
    pub(crate) fn of(stanza: &Stanza) -> Self {
        let stanza_type = stanza.stanza_type().clone();
        let (parameters, post_quantum) = (stanza.parameters().to_vec(), stanza_type.is_post_quantum());
        Self { length: stanza.encoded_length(), parameters, post_quantum, stanza_type }
    }
}
