//! Rekeying: new stanzas for the same data key, without touching the payload (`docs/format.md` §8).

mod error;
mod lock;
mod settle;
mod stanzas;
#[cfg(test)]
mod tests;
mod waiting;
mod work;
mod writer;

use ovseal_format::recipient::Recipient;
use ovseal_format::stanza::Stanza;

use crate::container::Trust;
use crate::container::inspect::StanzaSummary;
use crate::unlock::{KdfLimit, Requirements};
pub use error::RekeyError;
pub use waiting::{OnWaiting, WaitingStanzas};

/// The stanzas to add to a container and to remove from it.
///
/// Removing a stanza revokes nothing: anyone who had the data key or kept an old copy can still
/// open this payload. To revoke a key, seal again with a higher security version.
///
/// Rekeying vouches for the container, because it wraps the data key for others. So specify the
/// publisher with [`trust`](Self::trust). Without a publisher, only containers for passphrases and
/// key files are rekeyed.
#[must_use = "settings do nothing until they are used to rekey"]
pub struct RekeyOptions<'a> {
    requirements: Requirements,
    add: Vec<&'a dyn Recipient>,
    remove: Vec<usize>,
    generation: Option<u64>,
    allow_mixed: bool,
    allow_only_enclave: bool,
    allow_only_license: bool,
    on_waiting: OnWaiting,
}

impl Default for RekeyOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> RekeyOptions<'a> {
    /// Creates settings that change nothing yet.
    pub fn new() -> Self {
        Self {
            requirements: Requirements::new(Trust::SharedSecret),
            add: Vec::new(),
            remove: Vec::new(),
            generation: None,
            allow_mixed: false,
            allow_only_enclave: false,
            allow_only_license: false,
            on_waiting: OnWaiting::default(),
        }
    }

    /// Sets who must have made the container. The default is [`Trust::SharedSecret`].
    pub fn trust(mut self, trust: Trust) -> Self {
        self.requirements.trust = trust;
        self
    }

    /// Adds a recipient, who can then open the container.
    pub fn add_recipient(mut self, recipient: &'a dyn Recipient) -> Self {
        self.add.push(recipient);
        self
    }

    /// Removes the stanza with this number, counted from 0 as in [`Inspection`](crate::Inspection).
    pub fn remove_stanza(mut self, number: usize) -> Self {
        self.remove.push(number);
        self
    }

    /// Requires this generation of the stanzas, to which the numbers to remove refer.
    ///
    /// [`Inspection`](crate::Inspection) does not show the stanzas of an interrupted rekeying. That
    /// rekeying is completed first, which changes the generation.
    pub fn expect_generation(self, generation: u64) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// Sets the decision about pending stanzas of another rekeying next to the container.
    ///
    /// With a decision, nothing else has to be added or removed.
    pub fn on_waiting(self, on_waiting: OnWaiting) -> Self {
        Self { on_waiting, ..self }
    }

    /// Limits key derivation as [`OpenOptions::kdf_limit`](crate::OpenOptions::kdf_limit) does.
    pub fn kdf_limit(mut self, mib: u32) -> Self {
        self.requirements.kdf_limit = KdfLimit { mib };
        self
    }

    /// Allows both post-quantum and classical public keys.
    pub fn allow_mixed(self, allow_mixed: bool) -> Self {
        Self { allow_mixed, ..self }
    }

    /// Allows an enclave's key to be the only one. The container is lost when that key changes.
    pub fn allow_only_enclave(self, allow_only_enclave: bool) -> Self {
        Self { allow_only_enclave, ..self }
    }

    /// Allows a licence to be the only key. The container is lost with its licence service.
    pub fn allow_only_license(self, allow_only_license: bool) -> Self {
        Self { allow_only_license, ..self }
    }
}

/// The stanzas after a rekeying, and their changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rekeyed {
    /// The generation of the stanzas.
    pub generation: u64,
    /// The number of stanzas.
    pub stanzas: usize,
    /// The added stanzas, including those of an interrupted rekeying that was completed first.
    pub added: Vec<StanzaSummary>,
    /// The removed stanzas, including those of an interrupted rekeying that was completed first.
    pub removed: Vec<StanzaSummary>,
}

impl Rekeyed {
    fn new(generation: u64, before: &[Stanza], now: &[Stanza]) -> Self {
        let (added, removed) = (difference(now, before), difference(before, now));
        Self { generation, stanzas: now.len(), added, removed }
    }
}

/// Returns the stanzas in `these` that are not in `others`.
fn difference(these: &[Stanza], others: &[Stanza]) -> Vec<StanzaSummary> {
    these.iter().filter(|stanza| !others.contains(stanza)).map(StanzaSummary::of).collect()
}
