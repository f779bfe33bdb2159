//! Keys as age writes them: Bech32 (BIP 173) without its limit of 90 characters.

use bech32::primitives::checksum::{Checksum, PackedFe32};
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use ovseal_memory::SecretBytes;

/// Human-readable part of an X25519 recipient.
pub(super) const X25519_RECIPIENT: &str = "age";
/// Human-readable part of an X-Wing recipient.
pub(super) const X_WING_RECIPIENT: &str = "age1pq";
/// Human-readable part of an X25519 identity.
pub(super) const X25519_IDENTITY: &str = "age-secret-key-";
/// Human-readable part of an X-Wing identity.
pub(super) const X_WING_IDENTITY: &str = "age-secret-key-pq-";

/// Bech32's checksum without a limit on length: an X-Wing recipient has about 1,960 characters.
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    const CODE_LENGTH: usize = 4096;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

const _: () = assert!(<LongBech32 as Checksum>::MidstateRepr::WIDTH >= Bech32::CHECKSUM_LENGTH);

/// Returns the encoding of a public key, in lower case.
pub(super) fn encode_recipient(prefix: &str, key: &[u8]) -> String {
    bech32::encode_lower::<LongBech32>(hrp(prefix), key).expect("keys are far below the length limit")
}

/// Returns the encoding of a secret key, in capitals and in secret memory.
pub(super) fn encode_identity(prefix: &str, key: &[u8; 32]) -> SecretBytes {
    let mut text = SecretBytes::with_capacity(128).expect("128 bytes are far below the limit");
    bech32::encode_upper_to_fmt::<LongBech32, _>(&mut Writer(&mut text), hrp(prefix), key)
        .expect("an identity has fewer than 128 characters");
    text
}

/// Decodes a string into its human-readable part, in lower case, and its data, in `payload`.
///
/// Returns `None` if the string is not Bech32, mixes cases, or has more data than `payload` holds.
pub(super) fn decode<'p>(text: &str, payload: &'p mut [u8]) -> Option<(String, &'p [u8])> {
    let checked = CheckedHrpstring::new::<LongBech32>(text).ok()?;
    let mut length = 0;
    for byte in checked.byte_iter() {
        *payload.get_mut(length)? = byte;
        length += 1;
    }
    has_zero_padding(&checked).then_some((checked.hrp().to_lowercase(), &payload[..length]))
}

/// Returns true if the padding is fewer than five bits, all zero, so that each key has one
/// encoding.
fn has_zero_padding(checked: &CheckedHrpstring<'_>) -> bool {
    let characters = checked.data_part_ascii_no_checksum();
    let bits = characters.len() * 5 % 8;
    let last = characters.last().and_then(|&last| bech32::Fe32::from_char(char::from(last)).ok());
    bits < 5 && last.is_none_or(|last| last.to_u8() & ((1 << bits) - 1) == 0)
}

fn hrp(prefix: &str) -> Hrp {
    Hrp::parse(prefix).expect("the prefixes are constants of lower-case letters and digits")
}

struct Writer<'w>(&'w mut SecretBytes);

impl std::fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend(text.as_bytes()).map_err(|_| std::fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_keys_of_every_length_decode_to_themselves() {
        for length in [0, 1, 2, 3, 4, 5, 32, 1216] {
            let key: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut payload = [0; 1216];
            let text = encode_recipient(X_WING_RECIPIENT, &key);
            assert_eq!(decode(&text, &mut payload), Some((X_WING_RECIPIENT.to_owned(), &key[..])));
        }
    }

    #[test]
    fn every_changed_character_is_rejected() {
        let text = encode_recipient(X25519_RECIPIENT, &[7; 32]);
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'q' { b'p' } else { b'q' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(decode(&changed, &mut [0; 64]), None, "{changed}");
        }
    }

    #[test]
    fn mixed_case_is_rejected() {
        let text = encode_recipient(X25519_RECIPIENT, &[7; 32]);
        let mixed = text.replacen('a', "A", 1);
        assert_eq!(decode(&mixed, &mut [0; 64]), None);
    }
}
