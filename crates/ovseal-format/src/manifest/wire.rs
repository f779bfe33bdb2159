//! The manifest as CBOR.

use minicbor::{Decode, Encode};

use super::{PartEntry, PartKind};
use crate::part_path::PartPath;

const HINT_LIMIT: usize = 32;
const HINT_LENGTH_LIMIT: usize = 256;

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct WireManifest {
    #[n(0)]
    pub(super) name: String,
    #[n(1)]
    pub(super) security_version: u64,
    #[n(2)]
    pub(super) parts: Vec<WirePart>,
    #[n(3)]
    pub(super) hints: WireHints,
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct WirePart {
    #[n(0)]
    pub(super) path: String,
    #[n(1)]
    pub(super) kind: String,
    #[n(2)]
    pub(super) length: u64,
    #[n(3)]
    pub(super) companions: Vec<u64>,
}

impl WirePart {
    pub(super) fn into_entry(self) -> Option<PartEntry> {
        Some(PartEntry {
            path: PartPath::parse(&self.path).ok()?,
            kind: PartKind::from_word(&self.kind)?,
            length: self.length,
            companions: self
                .companions
                .into_iter()
                .map(|i| usize::try_from(i).ok())
                .collect::<Option<_>>()?,
        })
    }
}

impl From<&PartEntry> for WirePart {
    fn from(entry: &PartEntry) -> Self {
        Self {
            path: entry.path.as_str().to_owned(),
            kind: entry.kind.word().to_owned(),
            length: entry.length,
            companions: entry.companions.iter().map(|&i| i as u64).collect(),
        }
    }
}

/// Hints in the order of deterministic CBOR, where a shorter key comes first.
pub(super) struct WireHints(pub(super) Vec<(String, String)>);

impl WireHints {
    pub(super) fn within_limits(self) -> Option<Vec<(String, String)>> {
        let short = |text: &String| text.len() <= HINT_LENGTH_LIMIT;
        let ascending = self.0.windows(2).all(|pair| order(&pair[0]) < order(&pair[1]));
        let good = self.0.len() <= HINT_LIMIT && self.0.iter().all(|(key, value)| short(key) && short(value));
        (good && ascending).then_some(self.0)
    }
}

fn order(hint: &(String, String)) -> (usize, &str) {
    (hint.0.len(), &hint.0)
}

impl<C> Encode<C> for WireHints {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.map(self.0.len() as u64)?;
        for (key, value) in &self.0 {
            encoder.str(key)?.str(value)?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for WireHints {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let pairs = decoder.map_iter::<String, String>()?;
        pairs.take(HINT_LIMIT + 1).collect::<Result<_, _>>().map(Self)
    }
}
