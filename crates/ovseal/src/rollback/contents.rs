//! The contents of a rollback state, as text.

use std::collections::BTreeMap;

use base16ct::{lower, mixed};
use ovseal_format::statement::{KeyId, ModelId};
use ovseal_format::suite::{Digest, sha256};

/// The minimum version of each publisher's models.
pub(crate) type Floors = BTreeMap<(KeyId, ModelId), u64>;

/// The contents of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) floors: Floors,
    pub(crate) binding: Option<Binding>,
}

/// The tie between a state and its anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The bytes by which the anchor finds its counter and key.
    pub(crate) record: Vec<u8>,
    pub(crate) generation: u64,
    pub(crate) mac: [u8; 32],
}

impl Contents {
    /// Encodes the whole file as a string. Its last line is the anchor's MAC, or a digest to detect
    /// damage.
    pub(crate) fn encode(&self) -> String {
        let covered = self.covered();
        let last = match &self.binding {
            None => format!("sha256 {}", lower::encode_string(&sha256(&[covered.as_bytes()]))),
            Some(binding) => format!("mac {}", lower::encode_string(&binding.mac)),
        };
        format!("{covered}{last}\n")
    }

    /// Returns the highest floor that a model has from any of `publishers`, or 0.
    pub(crate) fn floor(&self, publishers: &[KeyId], model: ModelId) -> u64 {
        let floors = publishers.iter().filter_map(|publisher| self.floors.get(&(*publisher, model)));
        floors.copied().max().unwrap_or(0)
    }

    /// Returns the digest of the whole file.
    pub(crate) fn digest(&self) -> Digest {
        sha256(&[self.encode().as_bytes()])
    }

    /// Encodes everything before the last line. The last line covers it.
    pub(crate) fn covered(&self) -> String {
        let head = match &self.binding {
            None => format!("{PLAIN}\n"),
            Some(Binding { record, generation, .. }) => {
                format!("{ANCHORED}\nanchor {}\ngeneration {generation}\n", lower::encode_string(record))
            }
        };
        let line =
            |((publisher, model), floor): (&(KeyId, ModelId), &u64)| format!("{publisher} {model} {floor}\n");
        std::iter::once(head).chain(self.floors.iter().map(line)).collect()
    }

    /// Parses a string returned by [`encode`](Self::encode). A MAC is not checked.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() as u64 <= LENGTH_LIMIT)?;
        parse(text).filter(|parsed| parsed.encode() == text)
    }
}

fn parse(text: &str) -> Option<Contents> {
    let mut lines = text.lines();
    let (first, last) = (lines.next()?, lines.next_back()?);
    let binding = match first {
        PLAIN => None,
        ANCHORED => {
            let record = mixed::decode_vec(lines.next()?.strip_prefix("anchor ")?).ok()?;
            let generation = lines.next()?.strip_prefix("generation ")?.parse().ok()?;
            let mac = digits(last.strip_prefix("mac ")?)?;
            if record.len() > RECORD_LIMIT || generation == u64::MAX {
                return None;
            }
            Some(Binding { record, generation, mac })
        }
        _ => return None,
    };
    let floors = lines.map(parse_line).collect::<Option<Floors>>()?;
    Some(Contents { floors, binding })
}

fn parse_line(line: &str) -> Option<((KeyId, ModelId), u64)> {
    let mut words = line.split(' ');
    let publisher = KeyId::from_bytes(digits(words.next()?)?);
    let model = ModelId::from_bytes(digits(words.next()?)?);
    Some(((publisher, model), words.next()?.parse().ok()?))
}

/// Decodes the 64 hexadecimal digits of an id or a MAC.
fn digits(text: &str) -> Option<[u8; 32]> {
    mixed::decode_vec(text).ok()?.try_into().ok()
}

/// Maximum length of the file, in bytes.
pub(crate) const LENGTH_LIMIT: u64 = 1 << 20;
/// Maximum length of an anchor's record, in bytes.
const RECORD_LIMIT: usize = 1024;
const PLAIN: &str = "ovseal-rollback-state 1";
const ANCHORED: &str = "ovseal-rollback-state 2";

#[cfg(test)]
mod tests {
    use super::*;

    fn floors() -> Floors {
        Floors::from([((KeyId::from_bytes([1; 32]), ModelId::of("m")), 7)])
    }

    #[test]
    fn any_flipped_byte_and_any_truncation_is_damage() {
        let contents = Contents { floors: floors(), binding: None };
        let good = contents.encode().into_bytes();
        assert_eq!(Contents::parse(&good), Some(contents));
        for position in 0..good.len() {
            let mut flipped = good.clone();
            flipped[position] ^= 1;
            assert_eq!(Contents::parse(&flipped), None, "byte {position}");
            assert_eq!(Contents::parse(&good[..position]), None, "cut at {position}");
        }
    }

    #[test]
    fn an_anchored_state_round_trips_and_no_truncation_of_it_parses() {
        let binding = Binding { record: vec![1, 2, 3], generation: 9, mac: [5; 32] };
        let contents = Contents { floors: floors(), binding: Some(binding.clone()) };
        let good = contents.encode();
        assert!(good.starts_with("ovseal-rollback-state 2\nanchor 010203\ngeneration 9\n"));
        assert_eq!(Contents::parse(good.as_bytes()), Some(contents));
        for length in 0..good.len() {
            assert_eq!(Contents::parse(&good.as_bytes()[..length]), None, "cut at {length}");
        }
        for (record, generation) in [(vec![0; RECORD_LIMIT + 1], 9), (vec![], u64::MAX)] {
            let binding = Binding { record, generation, ..binding.clone() };
            let text = Contents { floors: Floors::new(), binding: Some(binding) }.encode();
            assert_eq!(Contents::parse(text.as_bytes()), None);
        }
    }
}
