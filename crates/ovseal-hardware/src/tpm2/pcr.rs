//! Platform configuration registers (PCRs) and their values.

use std::collections::BTreeMap;
use std::fmt;

use super::wire::{Bytes32, Reader, SHA256};

/// At least one PCR of the SHA-256 bank, with values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrValues(BTreeMap<u8, Bytes32>);

/// At least one PCR of the SHA-256 bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrList(Vec<u8>);

/// The error for a string that is not a list of PCRs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "PCRs are listed by number from 0 to 23, each once, as in 0,2,4,7; a value follows an equals sign as 64 hexadecimal digits"
)]
pub struct PcrListError;

/// PCRs listed by a caller, some of them with a required value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrDemand(BTreeMap<u8, Option<Bytes32>>);

impl PcrDemand {
    /// Parses a list such as `0,2,4,7`, with values such as `7=<64 hexadecimal digits>`.
    ///
    /// The prefix `sha256:` is optional.
    ///
    /// # Errors
    /// [`PcrListError`] if `text` is not such a list, or the list is empty: its policy would
    /// require nothing.
    pub fn parse(text: &str) -> Result<Self, PcrListError> {
        let mut demand = BTreeMap::new();
        for word in text.strip_prefix("sha256:").unwrap_or(text).split(',') {
            let (number, value) = parse_word(word.trim()).ok_or(PcrListError)?;
            if demand.insert(number, value).is_some() {
                return Err(PcrListError);
            }
        }
        Ok(Self(demand))
    }

    /// Returns the PCRs, if none has a value.
    pub fn list(&self) -> Option<PcrList> {
        self.0.values().all(Option::is_none).then(|| PcrList(self.0.keys().copied().collect()))
    }

    /// Returns the PCRs without a value, if there are any.
    pub fn open(&self) -> Option<PcrList> {
        let open: Vec<u8> =
            self.0.iter().filter(|(_, value)| value.is_none()).map(|(&number, _)| number).collect();
        (!open.is_empty()).then_some(PcrList(open))
    }

    /// Returns all PCRs with values. Missing values are taken from `read`.
    ///
    /// Returns `None` if a value is also missing there.
    pub fn complete(&self, read: Option<&PcrValues>) -> Option<PcrValues> {
        let value = |(&number, &value): (&u8, &Option<Bytes32>)| {
            let value = value.or_else(|| read.and_then(|read| read.0.get(&number).copied()))?;
            Some((number, value))
        };
        self.0.iter().map(value).collect::<Option<_>>().map(PcrValues)
    }
}

fn parse_word(word: &str) -> Option<(u8, Option<Bytes32>)> {
    let (number, value) = match word.split_once('=') {
        Some((number, value)) => (number, Some(base16ct::mixed::decode_vec(value).ok()?.try_into().ok()?)),
        None => (word, None),
    };
    let digits = !number.is_empty() && number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|&number: &u8| digits && number < COUNT)?;
    Some((number, value))
}

impl PcrList {
    /// Returns the numbers in ascending order.
    pub fn numbers(&self) -> &[u8] {
        &self.0
    }

    /// Returns the PCRs of a bitmap, if there are any.
    pub(super) fn from_bitmap(bitmap: [u8; 3]) -> Option<Self> {
        let selected = |number: &u8| bitmap[usize::from(number / 8)] >> (number % 8) & 1 == 1;
        let numbers: Vec<u8> = (0..COUNT).filter(selected).collect();
        (!numbers.is_empty()).then_some(Self(numbers))
    }

    pub(super) fn bitmap(&self) -> [u8; 3] {
        let mut bitmap = [0; 3];
        self.0.iter().for_each(|number| bitmap[usize::from(number / 8)] |= 1 << (number % 8));
        bitmap
    }

    /// Pairs these PCRs with values.
    pub(super) fn with(&self, values: Vec<Bytes32>) -> PcrValues {
        PcrValues(self.0.iter().copied().zip(values).collect())
    }
}

impl PcrValues {
    /// Returns the PCRs without their values.
    pub fn list(&self) -> PcrList {
        PcrList(self.0.keys().copied().collect())
    }

    /// Iterates over the PCRs with their values, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8; 32])> {
        self.0.iter().map(|(&number, value)| (number, value))
    }

    /// Returns the PCRs for which `other` has a different value or no value.
    pub(super) fn changed(&self, other: &Self) -> Vec<u8> {
        let differs = |number: &u8| self.0.get(number) != other.0.get(number);
        self.0.keys().copied().filter(differs).collect()
    }

    /// Returns whether these are exactly the PCRs of `list`.
    pub(super) fn covers(&self, list: &PcrList) -> bool {
        self.0.keys().eq(&list.0)
    }

    /// `TPML_PCR_SELECTION` of one bank.
    pub(super) fn selection(&self) -> Vec<u8> {
        let bank = SHA256.to_be_bytes();
        [&1u32.to_be_bytes()[..], &bank, &[3], &self.list().bitmap()].concat()
    }

    /// Concatenates the values.
    pub(super) fn concatenated(&self) -> Vec<u8> {
        self.0.values().flatten().copied().collect()
    }

    /// Encodes the bitmap, followed by the values.
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.list().bitmap()[..], &self.concatenated()].concat()
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let list = PcrList::from_bitmap(reader.array()?)?;
        let values = list.0.iter().map(|_| reader.array()).collect::<Option<Vec<Bytes32>>>()?;
        Some(list.with(values))
    }
}

impl FromIterator<(u8, Bytes32)> for PcrValues {
    fn from_iter<I: IntoIterator<Item = (u8, Bytes32)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl fmt::Display for PcrList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(u8::to_string).collect();
        f.write_str(&words.join(","))
    }
}

/// Number of PCRs of a bank on a PC.
const COUNT: u8 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_names_no_register_is_rejected() {
        for text in
            ["", "sha256:", ",", "0,,1", "24", "-1", "+1", "7,7", "sha1:7", "a", "7=", "7=00", "0x7", "007"]
        {
            assert_eq!(PcrDemand::parse(text), Err(PcrListError), "{text:?}");
        }
    }

    #[test]
    fn registers_are_sorted_and_keep_their_values() {
        let value = "ab".repeat(32);
        let demand = PcrDemand::parse(&format!("sha256:7,0={value}")).unwrap();
        assert_eq!(demand.list(), None);
        assert_eq!(demand.open().unwrap().numbers(), [7]);
        assert_eq!(demand.complete(None), None);
        let read = PcrValues::from_iter([(7, [7; 32])]);
        let all = demand.complete(Some(&read)).unwrap();
        assert_eq!(all.iter().collect::<Vec<_>>(), [(0, &[0xab; 32]), (7, &[7; 32])]);
        assert_eq!(PcrDemand::parse("23,0").unwrap().list().unwrap().to_string(), "0,23");
    }

    #[test]
    fn encoded_values_are_decoded() {
        let values = PcrValues::from_iter([(0, [1; 32]), (23, [2; 32])]);
        let bytes = values.encode();
        let mut reader = Reader(&bytes);
        assert_eq!(PcrValues::take(&mut reader), Some(values.clone()));
        assert!(reader.end().is_some());
        assert_eq!(PcrValues::take(&mut Reader(&[0; 64])), None);
        assert_eq!(values.changed(&PcrValues::from_iter([(0, [1; 32])])), [23]);
    }
}
