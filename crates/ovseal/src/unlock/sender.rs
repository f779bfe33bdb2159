//! Decides who may have made a container, before any key is tried.

use ovseal_format::stanza::Stanza;
use ovseal_format::stanza_kind::StanzaKind;
use ovseal_format::stanza_region::StanzaRegion;
use ovseal_format::statement::KeyId;

use crate::container::{Candidates, CheckedStatement, Trust};
use crate::error::OpenError;

/// The caller's trust, and who claims to have signed.
pub(crate) struct Sender<'a> {
    trust: &'a Trust,
    claimed: &'a [KeyId],
}

impl<'a> Sender<'a> {
    /// Creates a rule from the trust by which `statement` was checked.
    pub(crate) fn new(trust: &'a Trust, statement: &'a CheckedStatement) -> Self {
        Self { trust, claimed: &statement.statement.publishers }
    }

    /// Returns the regions from which a key may come.
    ///
    /// Anyone who can write to the directory can plant a rekeying file. One that breaks the rule is
    /// ignored as long as the container's own stanzas are undamaged.
    ///
    /// # Errors
    /// Any error of [`check_region`](Self::check_region).
    pub(crate) fn check(
        &self,
        candidates: Candidates,
        side: Option<&StanzaRegion>,
    ) -> Result<Candidates, OpenError> {
        let Candidates { own, waiting } = candidates;
        own.iter().chain(side).try_for_each(|region| self.check_region(region))?;
        match waiting.as_ref().map_or(Ok(()), |region| self.check_region(region)) {
            Err(_) if own.is_some() => Ok(Candidates { own, waiting: None }),
            outcome => outcome.map(|()| Candidates { own, waiting }),
        }
    }

    /// Fails if no sender is specified and a stanza is not for a passphrase or a key file.
    ///
    /// Anyone may know a public key or use one of the remaining kinds of key. For a passphrase or a
    /// key file, the sender knew the secret or was a recipient of this container.
    pub(crate) fn check_region(&self, region: &StanzaRegion) -> Result<(), OpenError> {
        let is_shared_secret =
            |stanza: &Stanza| stanza.stanza_type().kind().is_some_and(StanzaKind::is_shared_secret);
        if *self.trust == Trust::SharedSecret && !region.stanzas.iter().all(is_shared_secret) {
            return Err(OpenError::SenderNotNamed { claimed: self.claimed.to_vec() });
        }
        Ok(())
    }
}
