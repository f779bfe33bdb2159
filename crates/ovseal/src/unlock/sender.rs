//! From whom a container may come, decided before any key is tried.

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
    /// The trust by which `statement` was checked.
    pub(crate) fn new(trust: &'a Trust, statement: &'a CheckedStatement) -> Self {
        Self { trust, claimed: &statement.statement.publishers }
    }

    /// Returns the regions from which a key may come.
    ///
    /// Anyone who can write to the directory can put a rekeying file there. One that breaks the rule is passed over
    /// as long as the container's own stanzas are whole.
    ///
    /// # Errors
    /// As those of [`check_region`](Self::check_region).
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

    /// Fails if no sender is named and a stanza is for another kind of key than a passphrase or a key file.
    ///
    /// A public key is known to anyone, and other kinds of key may be asked by anyone. With a passphrase or a key
    /// file the sender knew the secret, or was a recipient of this container.
    pub(crate) fn check_region(&self, region: &StanzaRegion) -> Result<(), OpenError> {
        if *self.trust == Trust::SharedSecret && !region.stanzas.iter().all(is_for_shared_secret) {
            return Err(OpenError::SenderNotNamed { claimed: self.claimed.to_vec() });
        }
        Ok(())
    }
}

fn is_for_shared_secret(stanza: &Stanza) -> bool {
    stanza.stanza_type().kind().is_some_and(StanzaKind::is_shared_secret)
}
