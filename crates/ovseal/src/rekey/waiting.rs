//! Pending stanzas next to a container, and the caller's decision about them.

use std::fmt;
use std::path::PathBuf;

use crate::container::inspect::StanzaSummary;

/// The caller's decision about stanzas that a rekeying must not adopt on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnWaiting {
    /// Changes nothing and fails with [`RekeyError::Waiting`](crate::RekeyError::Waiting).
    #[default]
    Refuse,
    /// Removes them. Fails if the container's own stanzas are damaged.
    Discard,
    /// Replaces the container's own stanzas with them.
    Finish,
}

/// Pending stanzas next to a container, and the container's own stanzas.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingStanzas {
    /// The file that holds the pending stanzas.
    pub path: PathBuf,
    /// Their generation.
    pub generation: u64,
    /// The pending stanzas.
    pub stanzas: Vec<StanzaSummary>,
    /// The generation of the container's own stanzas, or `None` if they are damaged.
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
            None => f.write_str("the container's own stanzas are damaged"),
        }
    }
}

fn types(stanzas: &[StanzaSummary]) -> String {
    stanzas.iter().map(|stanza| stanza.stanza_type.as_str()).collect::<Vec<_>>().join(", ")
}
