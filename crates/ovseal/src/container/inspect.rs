//! The public face of a container. None of it is authenticated.

use std::path::Path;

use ovseal_format::layout::ChunkSize;
use ovseal_format::prologue::ContainerId;
use ovseal_format::stanza::{Stanza, StanzaType};
use ovseal_format::stanza_region::StanzaRegion;
use ovseal_format::statement::{KeyId, ModelId, Statement};
use ovseal_format::suite::Suite;

use crate::container::side_file::SideFile;
use crate::container::{Candidates, Container, Trust};
use crate::error::{OpenError, Section};

/// The public face of a container: everything that can be seen without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The cryptographic suite.
    pub suite: Suite,
    /// The size of a chunk.
    pub chunk_size: ChunkSize,
    /// The random id of the container.
    pub container_id: ContainerId,
    /// Length of the file in bytes.
    pub length: u64,
    /// True if the container's own stanzas are damaged. In that case, `stanzas` are those of an
    /// interrupted rekeying.
    pub is_region_damaged: bool,
    /// The generation of the stanzas: 1 after sealing, increased by one by each rekeying.
    pub generation: u64,
    /// The stanzas of the container.
    pub stanzas: Vec<StanzaSummary>,
    /// The stanzas of the side file, if there is one.
    pub side_file: Option<Vec<StanzaSummary>>,
    /// The lengths of the parts in bytes.
    pub part_lengths: Vec<u64>,
    /// SHA-256 of the model's name. Anyone who guesses the name can confirm it.
    pub model_id: ModelId,
    /// The security version.
    pub security_version: u64,
    /// Key ids of the publishers who claim to have signed.
    pub publishers: Vec<KeyId>,
}

/// The public face of a stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaSummary {
    /// Its type.
    pub stanza_type: StanzaType,
    /// Its public parameters.
    pub parameters: Vec<u8>,
    /// Its length in bytes.
    pub length: usize,
    /// True if the stanza withstands a quantum computer. `None` if its type alone does not decide
    /// this.
    pub post_quantum: Option<bool>,
}

impl Inspection {
    /// Inspects the container at `path`.
    ///
    /// # Errors
    /// [`OpenError`] if it is not a container, or is damaged.
    pub fn of(path: &Path) -> Result<Self, OpenError> {
        let container = Container::open(path)?;
        let verified = container.authenticate(&Trust::AnySender)?;
        // The container's own stanzas come first, because anyone who can write to the directory can
        // plant a rekeying file.
        let Candidates { own, waiting } = container.candidates()?;
        let is_damaged = own.is_none();
        let region = own.or(waiting).ok_or(OpenError::Damaged(Section::Stanzas))?;
        let side_file = SideFile::read(&container)?;
        let shown = Self::new(&container, &verified.statement, &region, side_file.as_ref());
        Ok(Self { is_region_damaged: is_damaged, ..shown })
    }

    /// Collects the public face of a container with this statement and these stanzas.
    pub(crate) fn new(
        container: &Container,
        statement: &Statement,
        region: &StanzaRegion,
        side_file: Option<&SideFile>,
    ) -> Self {
        let prologue = &container.prologue;
        Self {
            suite: prologue.suite,
            chunk_size: prologue.chunk_size,
            container_id: prologue.container_id,
            length: container.length,
            is_region_damaged: false,
            generation: region.generation,
            stanzas: StanzaSummary::all(region),
            side_file: side_file.map(|side| StanzaSummary::all(&side.region)),
            part_lengths: statement.lengths.clone(),
            model_id: statement.model(),
            security_version: statement.security_version,
            publishers: statement.publishers.clone(),
        }
    }
}

impl StanzaSummary {
    /// Returns a summary of each stanza in `region`.
    pub(crate) fn all(region: &StanzaRegion) -> Vec<Self> {
        region.stanzas.iter().map(Self::of).collect()
    }

    pub(crate) fn of(stanza: &Stanza) -> Self {
        let stanza_type = stanza.stanza_type().clone();
        let (parameters, post_quantum) = (stanza.parameters().to_vec(), stanza.is_post_quantum());
        Self { length: stanza.encoded_length(), parameters, post_quantum, stanza_type }
    }
}
