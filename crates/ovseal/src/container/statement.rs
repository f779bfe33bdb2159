//! The statement of a container, checked against the caller's trust and the container's frame.

use ovseal_format::layout::Layout;
use ovseal_format::prologue::PROLOGUE_LENGTH;
use ovseal_format::publisher::{Signatures, SignaturesError};
use ovseal_format::statement::{KeyId, Statement};

use super::frame::Container;
use super::trust::{Trust, trusted_for};
use crate::error::{OpenError, Section};

/// A statement that agrees with its container, and the layout that follows from it.
///
/// With [`Trust::Publishers`], a trusted publisher signed it. With any other [`Trust`], it is only
/// consistent until a key fits.
#[derive(Clone)]
pub(crate) struct CheckedStatement {
    pub(crate) statement: Statement,
    pub(crate) layout: Layout,
    /// The trusted publisher who signed.
    pub(crate) publisher: Option<KeyId>,
    /// The bytes of statement and signatures in the container, for the MAC.
    pub(crate) raw: Vec<u8>,
}

impl Container {
    /// Verifies statement and signatures against the caller's trust, before using anything in them.
    pub(crate) fn authenticate(&self, trust: &Trust) -> Result<CheckedStatement, OpenError> {
        let raw = self.read_statement()?;
        let (bytes, signatures) = raw.split_at(self.footer.statement as usize);
        let signatures = Signatures::parse(signatures).ok_or(OpenError::Damaged(Section::Signatures))?;
        let signers = match trust {
            Trust::Publishers(trusted) => Some(signatures.verify(bytes, trusted).map_err(signature_error)?),
            Trust::AnySender | Trust::SharedSecret => None,
        };
        let statement = Statement::parse(bytes).ok_or(OpenError::Damaged(Section::Statement))?;
        let model = statement.model();
        let publisher = signers.map(|signers| trusted_for(model, &signers)).transpose()?;
        if !signatures.agree_with(&statement) {
            return Err(OpenError::Damaged(Section::Signatures));
        }
        let layout = self.layout(&statement)?;
        Ok(CheckedStatement { statement, layout, publisher, raw })
    }

    /// Returns the layout that the statement describes, if prologue and footer agree with it.
    fn layout(&self, statement: &Statement) -> Result<Layout, OpenError> {
        if self.prologue.suite.digest(&[&self.prologue.encode()]) != statement.prologue
            && !ovseal_format::WITHOUT_AUTHENTICATION
        {
            return Err(OpenError::NotAuthentic(Section::Prologue));
        }
        let payload = PROLOGUE_LENGTH as u64 + self.prologue.region_length;
        Layout::new(self.prologue.chunk_size, payload, &statement.lengths)
            .filter(|layout| layout.trailer == self.footer.trailer && self.footer.has_chunks(layout.chunks))
            .ok_or(OpenError::Damaged(Section::Trailer))
    }
}

fn signature_error(error: SignaturesError) -> OpenError {
    match error {
        SignaturesError::Unsigned => OpenError::Unsigned,
        SignaturesError::Untrusted => OpenError::Untrusted,
        SignaturesError::Missing(id) => OpenError::SignatureMissing(id),
        SignaturesError::Wrong(id) => OpenError::Signature(id),
    }
}
