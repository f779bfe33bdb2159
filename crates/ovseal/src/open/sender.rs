//! From whom a container may come, decided before any key is tried.

use crate::container::{Candidates, CheckedStatement, Trust};
use crate::error::OpenError;
use crate::region::StanzaBlock;
use crate::stanza::Stanza;
use crate::statement::KeyId;

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

    /// Returns the blocks from which a key may come.
    ///
    /// Anyone who can write to the directory can put a rekeying file there. One that breaks the rule is passed over
    /// as long as the container's own stanzas are whole.
    ///
    /// # Errors
    /// As those of [`check_block`](Self::check_block).
    pub(crate) fn check(
        &self,
        candidates: Candidates,
        side: Option<&StanzaBlock>,
    ) -> Result<Candidates, OpenError> {
        let Candidates { own, waiting } = candidates;
        own.iter().chain(side).try_for_each(|block| self.check_block(block))?;
        match waiting.as_ref().map_or(Ok(()), |block| self.check_block(block)) {
            Err(_) if own.is_some() => Ok(Candidates { own, waiting: None }),
            outcome => outcome.map(|()| Candidates { own, waiting }),
        }
    }

    /// Fails if no sender is named and a stanza is for another kind of key than a passphrase or a key file.
    ///
    /// A public key is known to anyone, and other kinds of key may be asked by anyone. With a passphrase or a key
    /// file the sender knew the secret, or was a recipient of this container.
    pub(crate) fn check_block(&self, block: &StanzaBlock) -> Result<(), OpenError> {
        if *self.trust == Trust::SharedSecret && !block.stanzas.iter().all(is_for_shared_secret) {
            return Err(OpenError::SenderNotNamed { claimed: self.claimed.to_vec() });
        }
        Ok(())
    }
}

fn is_for_shared_secret(stanza: &Stanza) -> bool {
    ["passphrase", "keyfile"].contains(&stanza.stanza_type().as_str())
}
