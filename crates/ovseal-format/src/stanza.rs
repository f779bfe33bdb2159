//! Stanzas: the data key, wrapped for one recipient each (`docs/format.md` §4).

use std::collections::HashSet;
use std::fmt;

use crate::stanza_kind::{RecipientClass, StanzaKind};

const STANZA_LIMIT: usize = 16_384;
const COUNT_LIMIT: usize = 32;

/// The data key wrapped for one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Stanza {
    stanza_type: StanzaType,
    parameters: Vec<u8>,
    body: Vec<u8>,
}

/// The type of a stanza, for example `x-wing`: 1 to 32 characters `a`–`z`, `0`–`9`, `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StanzaType(String);

/// A stanza cannot be made of these pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StanzaError {
    /// The type has another length or other characters than allowed.
    #[error("a stanza type has 1 to 32 characters a-z, 0-9 or '-'")]
    Type,
    /// The stanza is longer than 16 KiB.
    #[error("a stanza has at most {STANZA_LIMIT} bytes")]
    TooLong,
}

impl StanzaType {
    /// Takes text of 1 to 32 characters `a`–`z`, `0`–`9`, `-`.
    ///
    /// # Errors
    /// [`StanzaError::Type`] for any other text.
    pub fn parse(text: &str) -> Result<Self, StanzaError> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let taken = (1..=32).contains(&text.len()) && text.bytes().all(good);
        taken.then(|| Self(text.to_owned())).ok_or(StanzaError::Type)
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns its kind, if this version knows it.
    pub fn kind(&self) -> Option<StanzaKind> {
        StanzaKind::parse(&self.0)
    }

    /// Returns the class of the key behind such a stanza, as far as its type tells.
    pub fn class(&self) -> Option<RecipientClass> {
        self.kind().and_then(StanzaKind::class)
    }

    /// Returns whether such a stanza withstands a quantum computer, as far as its type tells.
    pub fn is_post_quantum(&self) -> Option<bool> {
        self.kind().and_then(StanzaKind::is_post_quantum)
    }
}

impl fmt::Display for StanzaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Stanza {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stanza({}, {} bytes)", self.stanza_type, self.encoded_length())
    }
}

impl Stanza {
    /// A stanza of this type whose body is made by `wrap` from its header, which the body authenticates.
    ///
    /// # Errors
    /// [`StanzaError`] when type or length are not allowed.
    pub fn new(
        stanza_type: &str,
        parameters: Vec<u8>,
        wrap: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Result<Self, StanzaError> {
        let mut stanza = Self { stanza_type: StanzaType::parse(stanza_type)?, parameters, body: Vec::new() };
        if stanza.encoded_length() > STANZA_LIMIT {
            return Err(StanzaError::TooLong);
        }
        stanza.body = wrap(&stanza.header());
        if stanza.encoded_length() > STANZA_LIMIT { Err(StanzaError::TooLong) } else { Ok(stanza) }
    }

    /// Its type.
    pub fn stanza_type(&self) -> &StanzaType {
        &self.stanza_type
    }

    /// Its public parameters.
    pub fn parameters(&self) -> &[u8] {
        &self.parameters
    }

    /// The wrapped data key.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Everything before the body: what the body is bound to.
    pub fn header(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(self.encoded_length());
        header.push(self.stanza_type.0.len() as u8);
        header.extend_from_slice(self.stanza_type.0.as_bytes());
        header.extend_from_slice(&(self.parameters.len() as u16).to_be_bytes());
        header.extend_from_slice(&self.parameters);
        header
    }

    /// Bytes that it takes in the container.
    pub fn encoded_length(&self) -> usize {
        1 + self.stanza_type.0.len() + 2 + self.parameters.len() + 2 + self.body.len()
    }

    fn encode_into(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.header());
        bytes.extend_from_slice(&(self.body.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&self.body);
    }

    /// Takes the first stanza off `bytes`.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let before = bytes.len();
        let type_length = bytes.split_off_first()?;
        let stanza_type = bytes.split_off(..usize::from(*type_length))?;
        let parameters = take_field(bytes)?.to_vec();
        let body = take_field(bytes)?.to_vec();
        let stanza_type = StanzaType::parse(std::str::from_utf8(stanza_type).ok()?).ok()?;
        (before - bytes.len() <= STANZA_LIMIT).then_some(Self { stanza_type, parameters, body })
    }
}

fn take_field<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = bytes.split_off(..2)?;
    bytes.split_off(..usize::from(u16::from_be_bytes([length[0], length[1]])))
}

/// The encodings of `stanzas`, one after another.
pub fn encode_all(stanzas: &[Stanza]) -> Vec<u8> {
    let mut bytes = Vec::new();
    stanzas.iter().for_each(|stanza| stanza.encode_into(&mut bytes));
    bytes
}

/// Exactly `count` stanzas that fill `bytes`, if their number and kinds are allowed.
pub fn parse_all(mut bytes: &[u8], count: u32) -> Option<Vec<Stanza>> {
    if count > COUNT_LIMIT as u32 {
        return None;
    }
    let stanzas: Vec<Stanza> = (0..count).map(|_| Stanza::take(&mut bytes)).collect::<Option<_>>()?;
    (bytes.is_empty() && are_allowed(&stanzas)).then_some(stanzas)
}

/// Returns true if there are 1 to 32 stanzas and opening them takes no passphrase more than one derivation.
///
/// A container may hold one `passphrase` stanza, and one `tpm2-passphrase` stanza for each device.
pub fn are_allowed(stanzas: &[Stanza]) -> bool {
    let slot = |stanza: &'_ Stanza| {
        let kind = stanza.stanza_type.kind()?;
        kind.derivation_slot(&stanza.parameters).map(|slot| (kind, slot.to_vec()))
    };
    let mut seen = HashSet::new();
    (1..=COUNT_LIMIT).contains(&stanzas.len())
        && stanzas.iter().filter_map(slot).all(|slot| seen.insert(slot))
}

/// The rule that [`are_allowed`] checks, in words.
pub const LIMITS: &str = "a container holds at most 32 stanzas, with at most one for a passphrase, and one for \
                          each device that needs a passphrase too";

/// Returns true if only keys of enclaves could open the container.
///
/// Such a key changes with the enclave or the processor's microcode, so it must not be the only one.
pub fn are_only_enclaves(stanzas: &[Stanza]) -> bool {
    stanzas.iter().all(|stanza| stanza.stanza_type.kind() == Some(StanzaKind::Sgx))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(kind: &str, length: usize) -> Stanza {
        Stanza::new(kind, vec![1; 3], |_| vec![2; length]).unwrap()
    }

    #[test]
    fn parsing_gives_back_what_was_encoded() {
        let stanzas = vec![stanza("x-wing", 48), stanza("future-9", 0)];
        assert_eq!(parse_all(&encode_all(&stanzas), 2), Some(stanzas));
    }

    #[test]
    fn a_wrong_count_and_left_over_bytes_are_refused() {
        let bytes = encode_all(&[stanza("a", 1), stanza("b", 1)]);
        assert_eq!([0, 1, 3, u32::MAX].map(|count| parse_all(&bytes, count)), [None, None, None, None]);
    }

    #[test]
    fn two_passphrase_stanzas_are_refused() {
        assert_eq!(parse_all(&encode_all(&[stanza("passphrase", 1), stanza("passphrase", 2)]), 2), None);
    }

    #[test]
    fn a_device_has_at_most_one_stanza_that_needs_a_passphrase_too() {
        let bound = |device: u8, salt: u8| {
            let parameters = [&[salt; 45][..], &[device; 32], &[7; 9]].concat();
            Stanza::new("tpm2-passphrase", parameters, |_| vec![2; 80]).unwrap()
        };
        assert!(are_allowed(&[bound(1, 1), bound(2, 1), stanza("passphrase", 1)]));
        assert!(!are_allowed(&[bound(1, 1), bound(2, 1), bound(1, 2)]));
        let short = || stanza("tpm2-passphrase", 1);
        assert!(are_allowed(&[short(), short()]), "one that is too short is of no use, and does no harm");
    }

    #[test]
    fn more_than_thirty_two_are_refused() {
        assert_eq!(parse_all(&encode_all(&vec![stanza("a", 1); 33]), 33), None);
        assert!(parse_all(&encode_all(&vec![stanza("a", 1); 32]), 32).is_some());
    }

    #[test]
    fn the_length_limit_holds_when_making_and_when_parsing() {
        assert_eq!(
            Stanza::new("a", vec![], |_| vec![0; STANZA_LIMIT - 6]).unwrap().encoded_length(),
            STANZA_LIMIT
        );
        assert_eq!(Stanza::new("a", vec![], |_| vec![0; STANZA_LIMIT - 5]), Err(StanzaError::TooLong));
        let mut bytes = vec![1, b'a', 0, 0, 0x3f, 0xfb];
        bytes.resize(6 + 0x3ffb, 0);
        assert_eq!(parse_all(&bytes, 1), None);
    }

    #[test]
    fn other_characters_are_no_type() {
        for text in ["", "A", "x_wing", "ä", &"a".repeat(33)] {
            assert_eq!(StanzaType::parse(text), Err(StanzaError::Type));
        }
    }
}
