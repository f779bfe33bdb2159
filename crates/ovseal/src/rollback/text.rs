//! The text of a rollback state.

use std::collections::BTreeMap;

use base16ct::{lower, mixed};
use ovseal_format::statement::{KeyId, ModelId};
use ovseal_format::suite::{Digest, sha256};

/// The least version that is accepted of each publisher's models.
pub(crate) type Floors = BTreeMap<(KeyId, ModelId), u64>;

/// What stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) floors: Floors,
    pub(crate) binding: Option<Binding>,
}

/// How a state is tied to an anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// Where the anchor finds counter and key.
    pub(crate) place: Vec<u8>,
    pub(crate) generation: u64,
    pub(crate) mac: [u8; 32],
}

impl Text {
    /// The whole text: its last line is a digest that finds damage, or the anchor's MAC.
    pub(crate) fn encode(&self) -> String {
        let covered = self.covered();
        let last = match &self.binding {
            None => format!("sha256 {}", lower::encode_string(&sha256(&[covered.as_bytes()]))),
            Some(binding) => format!("mac {}", lower::encode_string(&binding.mac)),
        };
        format!("{covered}{last}\n")
    }

    /// The highest floor that a model has from any of `publishers`.
    pub(crate) fn floor(&self, publishers: &[KeyId], model: ModelId) -> u64 {
        let floors = publishers.iter().filter_map(|publisher| self.floors.get(&(*publisher, model)));
        floors.copied().max().unwrap_or(0)
    }

    /// What tells one text from another.
    pub(crate) fn digest(&self) -> Digest {
        sha256(&[self.encode().as_bytes()])
    }

    /// Everything before the last line, which covers it.
    pub(crate) fn covered(&self) -> String {
        let head = match &self.binding {
            None => format!("{PLAIN}\n"),
            Some(Binding { place, generation, .. }) => {
                format!("{ANCHORED}\nanchor {}\ngeneration {generation}\n", lower::encode_string(place))
            }
        };
        let line =
            |((publisher, model), floor): (&(KeyId, ModelId), &u64)| format!("{publisher} {model} {floor}\n");
        std::iter::once(head).chain(self.floors.iter().map(line)).collect()
    }

    /// Takes a text as [`encode`](Self::encode) writes it. A MAC is not checked.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() as u64 <= LENGTH_LIMIT)?;
        parse(text).filter(|parsed| parsed.encode() == text)
    }
}

fn parse(text: &str) -> Option<Text> {
    let mut lines = text.lines();
    let (first, last) = (lines.next()?, lines.next_back()?);
    let binding = match first {
        PLAIN => None,
        ANCHORED => {
            let place = mixed::decode_vec(lines.next()?.strip_prefix("anchor ")?).ok()?;
            let generation = lines.next()?.strip_prefix("generation ")?.parse().ok()?;
            let mac = digits(last.strip_prefix("mac ")?)?;
            if place.len() > PLACE_LIMIT || generation == u64::MAX {
                return None;
            }
            Some(Binding { place, generation, mac })
        }
        _ => return None,
    };
    let floors = lines.map(parse_line).collect::<Option<Floors>>()?;
    Some(Text { floors, binding })
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

pub(crate) const LENGTH_LIMIT: u64 = 1 << 20;
/// Bytes of what an anchor needs to find its counter and key.
const PLACE_LIMIT: usize = 1024;
const PLAIN: &str = "ovseal-rollback-state 1";
const ANCHORED: &str = "ovseal-rollback-state 2";

#[cfg(test)]
mod tests {
    use super::*;

    fn floors() -> Floors {
        Floors::from([((KeyId::from_bytes([1; 32]), ModelId::of("m")), 7)])
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_damage() {
        let text = Text { floors: floors(), binding: None };
        let good = text.encode().into_bytes();
        assert_eq!(Text::parse(&good), Some(text));
        for position in 0..good.len() {
            let mut flipped = good.clone();
            flipped[position] ^= 1;
            assert_eq!(Text::parse(&flipped), None, "byte {position}");
            assert_eq!(Text::parse(&good[..position]), None, "cut at {position}");
        }
    }

    #[test]
    fn a_tied_state_is_parsed_as_it_was_written_and_no_cut_is() {
        let binding = Binding { place: vec![1, 2, 3], generation: 9, mac: [5; 32] };
        let text = Text { floors: floors(), binding: Some(binding.clone()) };
        let good = text.encode();
        assert!(good.starts_with("ovseal-rollback-state 2\nanchor 010203\ngeneration 9\n"));
        assert_eq!(Text::parse(good.as_bytes()), Some(text));
        for length in 0..good.len() {
            assert_eq!(Text::parse(&good.as_bytes()[..length]), None, "cut at {length}");
        }
        for (place, generation) in [(vec![0; PLACE_LIMIT + 1], 9), (vec![], u64::MAX)] {
            let binding = Binding { place, generation, ..binding.clone() };
            let text = Text { floors: Floors::new(), binding: Some(binding) }.encode();
            assert_eq!(Text::parse(text.as_bytes()), None);
        }
    }
}
