//! The PIN of a token.

use cryptoki::types::AuthPin;
use ovseal::without_line_ending;
use ovseal_memory::{Parked, SecretBytes};

use super::TokenError;

/// Maximum length of a PIN, in bytes. Tokens allow far fewer.
const LIMIT: usize = 255;

/// The PIN of a token's user, in secret memory.
#[derive(Debug)]
pub struct Pin(Parked<SecretBytes>);

impl Pin {
    /// Accepts UTF-8 of 1 to 255 bytes without a NUL. A single trailing newline is ignored.
    ///
    /// # Errors
    /// [`TokenError::PinForm`] if `bytes` are not such a PIN.
    pub fn new(bytes: &[u8]) -> Result<Self, TokenError> {
        let line = without_line_ending(bytes);
        let is_text = std::str::from_utf8(line).is_ok() && !line.contains(&0);
        if line.is_empty() || line.len() > LIMIT || !is_text {
            return Err(TokenError::PinForm);
        }
        let pin = SecretBytes::from_slice(line).map_err(|_| TokenError::PinForm)?;
        Ok(Self(Parked::new(pin)))
    }

    /// Copies the PIN for the module's call, into ordinary memory that is zeroized on drop.
    pub(super) fn for_module(&self) -> AuthPin {
        AuthPin::from(String::from_utf8_lossy(&self.0.expose()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_newline_is_ignored_and_other_bytes_are_rejected() {
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
