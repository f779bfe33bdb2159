//! The PIN of a token.

use std::fmt;

use cryptoki::types::AuthPin;
use ovseal::without_line_ending;
use ovseal_memory::{Parked, SecretBytes};

use super::TokenError;

/// A PIN has at most this many bytes; tokens allow far fewer.
const LIMIT: usize = 255;

/// The PIN of a token's user, in secret memory.
#[derive(Debug)]
pub struct Pin(Parked<SecretBytes>);

/// What a token says of the tries that are left before its PIN is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// Nothing: enough, or the token does not count.
    Unsaid,
    /// Wrong PINs were given since the last right one.
    Few,
    /// The next wrong PIN locks it.
    Last,
    /// It is locked.
    None,
}

impl Pin {
    /// Takes UTF-8 of 1 to 255 bytes without a NUL. One final LF or CRLF is removed, as files have it.
    ///
    /// # Errors
    /// [`TokenError::PinForm`] for other bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, TokenError> {
        let line = without_line_ending(bytes);
        let is_text = std::str::from_utf8(line).is_ok() && !line.contains(&0);
        if line.is_empty() || line.len() > LIMIT || !is_text {
            return Err(TokenError::PinForm);
        }
        let pin = SecretBytes::from_slice(line).map_err(|_| TokenError::PinForm)?;
        Ok(Self(Parked::new(pin)))
    }

    /// A copy for the module's call, in ordinary memory, which is zeroized when dropped.
    pub(super) fn for_module(&self) -> AuthPin {
        AuthPin::from(String::from_utf8_lossy(&self.0.expose()).into_owned())
    }
}

impl Tries {
    /// What is said of them behind the message that a PIN was wrong.
    pub(super) const fn warning(self) -> &'static str {
        match self {
            Self::Unsaid => "",
            Self::Few => ", few tries are left",
            Self::Last => ", one try is left",
            Self::None => ", and now it is locked",
        }
    }
}

impl fmt::Display for Tries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unsaid => "not locked",
            Self::Few => "few tries left",
            Self::Last => "one try left",
            Self::None => "locked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_ending_is_left_out_and_other_bytes_are_no_pin() {
        for text in ["1234", "1234\n", "1234\r\n"] {
            assert_eq!(Pin::new(text.as_bytes()).unwrap().0.expose().to_vec(), b"1234");
        }
        let long = [b'1'; LIMIT + 1];
        for bytes in [&b""[..], b"\n", b"12\x0034", b"\xff", &long] {
            assert!(matches!(Pin::new(bytes), Err(TokenError::PinForm)), "{bytes:?}");
        }
    }

    #[test]
    fn debug_shows_no_digit() {
        assert_eq!(format!("{:?}", Pin::new(b"1234").unwrap()), "Pin(Parked(..))");
    }
}
