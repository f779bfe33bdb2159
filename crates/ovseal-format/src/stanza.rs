//! Stanzas, each of which holds the data key for one recipient (`docs/format.md` §4).

use std::collections::HashSet;
use std::fmt;

use crate::share::LicenseParameters;
use crate::stanza_kind::{RecipientClass, StanzaKind};

const STANZA_LIMIT: usize = 16_384;
const COUNT_LIMIT: usize = 32;

/// The data key, wrapped for one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Stanza {
    stanza_type: StanzaType,
    parameters: Vec<u8>,
    body: Vec<u8>,
}

/// The type of a stanza, for example `x-wing`: 1 to 32 characters `a`–`z`, `0`–`9`, `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StanzaType(String);

/// The error for pieces that do not form a valid stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StanzaError {
    /// The type's length, or one of its characters, is not allowed.
    #[error("a stanza type has 1 to 32 characters from a-z, 0-9 and '-'")]
    Type,
    /// The encoded stanza is longer than 16,384 bytes.
    #[error("a stanza has at most {STANZA_LIMIT} bytes")]
    TooLong,
}

impl StanzaType {
    /// Parses a type of 1 to 32 characters `a`–`z`, `0`–`9`, `-`.
    ///
    /// # Errors
    /// [`StanzaError::Type`] if `text` is not such a type.
    pub fn parse(text: &str) -> Result<Self, StanzaError> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = (1..=32).contains(&text.len()) && text.bytes().all(good);
        valid.then(|| Self(text.to_owned())).ok_or(StanzaError::Type)
    }

    /// Returns the type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the kind of this type, if this version knows it.
    pub fn kind(&self) -> Option<StanzaKind> {
        StanzaKind::parse(&self.0)
    }

    /// Returns the class of the key behind such a stanza, if the type determines it.
    pub fn class(&self) -> Option<RecipientClass> {
        self.kind().and_then(StanzaKind::class)
    }

    /// Returns whether such a stanza withstands a quantum computer, if the type determines it.
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
    /// Creates a stanza. `wrap` returns its body, given its [`header`](Self::header).
    ///
    /// # Errors
    /// [`StanzaError`] if the type or the encoded length is not allowed.
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

    /// Returns its type.
    pub fn stanza_type(&self) -> &StanzaType {
        &self.stanza_type
    }

    /// Returns the class of the key behind it, if its type and parameters determine it.
    pub fn class(&self) -> Option<RecipientClass> {
        match self.license_is_post_quantum() {
            Some(true) => Some(RecipientClass::PostQuantumPublicKey),
            Some(false) => Some(RecipientClass::ClassicalPublicKey),
            None => self.stanza_type.class(),
        }
    }

    /// Returns whether it withstands a quantum computer, if its type and parameters determine it.
    pub fn is_post_quantum(&self) -> Option<bool> {
        self.license_is_post_quantum().or(self.stanza_type.is_post_quantum())
    }

    /// Returns the answer that the release keys of a licence give.
    fn license_is_post_quantum(&self) -> Option<bool> {
        let is_license = self.stanza_type.kind() == Some(StanzaKind::License);
        let parameters = is_license.then(|| LicenseParameters::parse(&self.parameters)).flatten();
        parameters.map(|parameters| parameters.is_post_quantum())
    }

    /// Returns its public parameters.
    pub fn parameters(&self) -> &[u8] {
        &self.parameters
    }

    /// Returns its body, the wrapped data key.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns its header: everything before the length of the body.
    pub fn header(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(self.encoded_length());
        header.push(self.stanza_type.0.len() as u8);
        header.extend_from_slice(self.stanza_type.0.as_bytes());
        header.extend_from_slice(&(self.parameters.len() as u16).to_be_bytes());
        header.extend_from_slice(&self.parameters);
        header
    }

    /// Returns its length in the container, in bytes.
    pub fn encoded_length(&self) -> usize {
        1 + self.stanza_type.0.len() + 2 + self.parameters.len() + 2 + self.body.len()
    }

    fn encode_into(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.header());
        bytes.extend_from_slice(&(self.body.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&self.body);
    }

    /// Splits the first stanza off `bytes`.
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

/// Returns the encodings of `stanzas`, one after another.
pub fn encode_all(stanzas: &[Stanza]) -> Vec<u8> {
    let mut bytes = Vec::new();
    stanzas.iter().for_each(|stanza| stanza.encode_into(&mut bytes));
    bytes
}

/// Parses `count` stanzas, which must fill `bytes` exactly and be [allowed](are_allowed) together.
pub fn parse_all(mut bytes: &[u8], count: u32) -> Option<Vec<Stanza>> {
    if count > COUNT_LIMIT as u32 {
        return None;
    }
    let stanzas: Vec<Stanza> = (0..count).map(|_| Stanza::take(&mut bytes)).collect::<Option<_>>()?;
    (bytes.is_empty() && are_allowed(&stanzas)).then_some(stanzas)
}

/// Returns true if these stanzas may be in one region or side file (`docs/format.md` §1.2).
///
/// They are 1 to 32 stanzas, with at most one `passphrase` stanza, and at most one
/// `tpm2-passphrase` stanza per device. So a passphrase is derived at most once for each kind.
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
pub const LIMITS: &str = "a container holds at most 32 stanzas, with at most one for a passphrase, and one \
                          for each device that also needs a passphrase";

/// Returns true if every stanza is for an SGX enclave.
///
/// Such a key changes with the enclave or the processor's microcode (`docs/format.md` §4.3).
pub fn are_only_enclaves(stanzas: &[Stanza]) -> bool {
    stanzas.iter().all(|stanza| stanza.stanza_type.kind() == Some(StanzaKind::Sgx))
}

/// Returns true if every stanza is for a licence: the container is lost with its service (§4.6).
pub fn are_only_licences(stanzas: &[Stanza]) -> bool {
    stanzas.iter().all(|stanza| stanza.stanza_type.kind() == Some(StanzaKind::License))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(kind: &str, length: usize) -> Stanza {
        Stanza::new(kind, vec![1; 3], |_| vec![2; length]).unwrap()
    }

    #[test]
    fn encoded_stanzas_parse_to_themselves() {
        let stanzas = vec![stanza("x-wing", 48), stanza("future-9", 0)];
        assert_eq!(parse_all(&encode_all(&stanzas), 2), Some(stanzas));
    }

    #[test]
    fn a_wrong_count_and_leftover_bytes_are_rejected() {
        let bytes = encode_all(&[stanza("a", 1), stanza("b", 1)]);
        assert_eq!([0, 1, 3, u32::MAX].map(|count| parse_all(&bytes, count)), [None, None, None, None]);
    }

    #[test]
    fn two_passphrase_stanzas_are_rejected() {
        assert_eq!(parse_all(&encode_all(&[stanza("passphrase", 1), stanza("passphrase", 2)]), 2), None);
    }

    #[test]
    fn a_device_has_at_most_one_stanza_that_also_needs_a_passphrase() {
        let bound = |device: u8, salt: u8| {
            let parameters = [&[salt; 45][..], &[device; 32], &[7; 9]].concat();
            Stanza::new("tpm2-passphrase", parameters, |_| vec![2; 80]).unwrap()
        };
        assert!(are_allowed(&[bound(1, 1), bound(2, 1), stanza("passphrase", 1)]));
        assert!(!are_allowed(&[bound(1, 1), bound(2, 1), bound(1, 2)]));
        let short = || stanza("tpm2-passphrase", 1);
        assert!(are_allowed(&[short(), short()]), "stanzas too short to name a device are not compared");
    }

    #[test]
    fn more_than_thirty_two_stanzas_are_rejected() {
        assert_eq!(parse_all(&encode_all(&vec![stanza("a", 1); 33]), 33), None);
        assert!(parse_all(&encode_all(&vec![stanza("a", 1); 32]), 32).is_some());
    }

    #[test]
    fn the_length_limit_holds_for_new_and_for_parsed_stanzas() {
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
    fn other_characters_in_a_type_are_rejected() {
        for text in ["", "A", "x_wing", "ä", &"a".repeat(33)] {
            assert_eq!(StanzaType::parse(text), Err(StanzaError::Type));
        }
    }
}
