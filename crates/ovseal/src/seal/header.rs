//! The sections before the payload: prologue and stanza region.

use ovseal_format::crypto::data_key::{DataKey, FittingKey, Label};
use ovseal_format::layout::ChunkSize;
use ovseal_format::prologue::{ContainerId, Prologue};
use ovseal_format::random::random_array;
use ovseal_format::recipient::Context;
use ovseal_format::stanza::{self, Stanza};
use ovseal_format::stanza_region::StanzaRegion;

use super::{SealError, SealOptions};

/// Prologue and stanza region, with the data key.
pub(super) struct Header {
    pub(super) prologue: Prologue,
    pub(super) key: FittingKey,
    pub(super) region: Vec<u8>,
}

impl Header {
    pub(super) fn new(options: &SealOptions<'_>, chunk_size: ChunkSize) -> Result<Self, SealError> {
        // Wrapping needs the context, which covers the length of the region. The first wrapping
        // assumes the default length. If the stanzas need a different length, a new data key is
        // wrapped.
        let mut prologue = Prologue {
            suite: options.suite,
            chunk_size,
            region_length: StanzaRegion::padded_length(&[]),
            container_id: ContainerId::from_bytes(random_array()?),
            commitment: [0; 32],
        };
        let (mut key, mut stanzas) = options.wrap(&mut prologue)?;
        let needed = StanzaRegion::padded_length(&stanzas);
        if needed != prologue.region_length {
            prologue.region_length = needed;
            (key, stanzas) = options.wrap(&mut prologue)?;
        }
        let region = StanzaRegion::new(&key, Label::StanzaMac, &[], 1, stanzas);
        let region = region.encode_padded(prologue.region_length).ok_or(SealError::TooManyRecipients)?;
        Ok(Self { prologue, key, region })
    }
}

impl SealOptions<'_> {
    /// Generates a data key, wraps it for every recipient, and sets the commitment.
    fn wrap(&self, prologue: &mut Prologue) -> Result<(FittingKey, Vec<Stanza>), SealError> {
        let key = DataKey::generate()?;
        prologue.commitment = key.commitment(&prologue.binding());
        let context = Context::new(prologue, self.name.id());
        let stanzas = self.recipients.iter().map(|recipient| recipient.wrap(&key, &context));
        let stanzas: Vec<Stanza> = stanzas.collect::<Result<_, _>>()?;
        if stanzas.is_empty() {
            return Err(SealError::NoRecipient);
        }
        if !stanza::are_allowed(&stanzas) {
            return Err(SealError::TooManyRecipients);
        }
        if stanza::are_only_enclaves(&stanzas) && !self.allow_only_enclave {
            return Err(SealError::OnlyEnclave);
        }
        if stanza::are_only_licences(&stanzas) && !self.allow_only_license {
            return Err(SealError::OnlyLicense);
        }
        let key = key.fit(prologue).expect("the commitment was just made with this key");
        Ok((key, stanzas))
    }
}
