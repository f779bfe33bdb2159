//! Hexadecimal text for identifiers.

use std::fmt::Write;

/// Lower-case hexadecimal digits of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that hexadecimal digits name, or nothing if there are others or an odd number of them.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().all(|digit| digit.is_ascii_hexdigit()) && text.len().is_multiple_of(2);
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    digits.then(|| (0..text.len()).step_by(2).map(byte).collect()).flatten()
}

/// The 32 bytes that 64 hexadecimal digits name, if they are that.
pub(crate) fn decode32(text: &str) -> Option<[u8; 32]> {
    decode(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_gives_back_what_was_encoded() {
        let bytes: [u8; 32] = std::array::from_fn(|i| i as u8 * 8);
        assert_eq!(decode32(&encode(&bytes)), Some(bytes));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "0", &"g".repeat(64), &"0".repeat(63), &"+1".repeat(32)] {
            assert_eq!(decode32(text), None);
        }
    }
}
