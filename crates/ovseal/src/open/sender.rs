//! From whom a container may come, decided before any key is tried.

use crate::container::{CheckedStatement, Trust};
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

    /// Fails if no sender is named and a stanza is for another kind of key than a passphrase or a key file.
    ///
    /// A public key is known to anyone, and other kinds of key may be asked by anyone. With a passphrase or a key
    /// file the sender knew the secret, or was a recipient of this container.
    pub(crate) fn check<'b>(&self, blocks: impl Iterator<Item = &'b StanzaBlock>) -> Result<(), OpenError> {
        let mut stanzas = blocks.flat_map(|block| &block.stanzas);
        if *self.trust == Trust::SharedSecret && !stanzas.all(is_for_shared_secret) {
            return Err(OpenError::SenderNotNamed { claimed: self.claimed.to_vec() });
        }
        Ok(())
    }
}

fn is_for_shared_secret(stanza: &Stanza) -> bool {
    ["passphrase", "keyfile"].contains(&stanza.stanza_type().as_str())
}
