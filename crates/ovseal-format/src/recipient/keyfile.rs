//! The `keyfile` stanza, for a key of 32 random bytes in a file (`docs/format.md` §4.1).

use std::io::Read;

use ovseal_memory::{Exposed, Parked, Secret, SecretBytes};

use super::{Context, Identity, Recipient, UnwrapError, WrapError, symmetric};
use crate::crypto::data_key::DataKey;
use crate::key_error::KeyError;
use crate::random::{RandomnessError, random_secret};
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};

const LENGTH: usize = 32;

/// A key of 32 random bytes, shared by the publisher and the devices.
#[derive(Debug)]
pub struct KeyFile(Parked<Secret<LENGTH>>);

impl KeyFile {
    /// Creates a random key.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system provides no random bytes.
    pub fn generate() -> Result<Self, RandomnessError> {
        Ok(Self(Parked::new(random_secret()?)))
    }

    /// Creates a key from exactly 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::KeyFile`] if the length differs.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| KeyError::KeyFile)?;
        Ok(Self(Parked::new(Secret::from_fn(|key| key.copy_from_slice(bytes)))))
    }

    /// Reads a key from `reader`, which must end after exactly 32 bytes.
    ///
    /// # Errors
    /// Any error of `reader`, or [`KeyError::KeyFile`] as `InvalidData` if the length differs.
    pub fn read_from(reader: &mut impl Read) -> std::io::Result<Self> {
        let bytes = SecretBytes::read_from(reader, LENGTH + 1)?;
        Self::from_bytes(bytes.expose())
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }

    /// Exposes the 32 bytes, for storing them, until the result is dropped.
    pub fn expose(&self) -> Exposed<'_, Secret<LENGTH>> {
        self.0.expose()
    }
}

impl Recipient for KeyFile {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        symmetric::wrap_salted(StanzaKind::KeyFile, &*self.0.expose(), key, context)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

impl Identity for KeyFile {
    fn stanza_type(&self) -> &str {
        StanzaKind::KeyFile.word()
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        Ok(symmetric::unwrap_salted(stanza, &*self.0.expose(), context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_exactly_thirty_two_bytes() {
        for length in [0, 31, 33] {
            assert_eq!(KeyFile::from_bytes(&vec![1; length]).unwrap_err(), KeyError::KeyFile);
        }
        assert_eq!(*KeyFile::from_bytes(&[1; 32]).unwrap().expose(), [1; 32]);
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", KeyFile::from_bytes(&[0xab; 32]).unwrap());
        insta::assert_snapshot!(shown, @"KeyFile(Parked(..))");
    }
}
