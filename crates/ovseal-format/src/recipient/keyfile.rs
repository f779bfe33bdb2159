//! The `keyfile` stanza: 32 random bytes from a file, a descriptor or a key service.

use std::io::Read;

use aws_lc_rs::rand;
use ovseal_memory::{Exposed, Parked, Secret, SecretBytes};

use super::Context;
use super::{Identity, KeyError, Recipient, UnwrapError, WrapError, symmetric};
use crate::crypto::data_key::{DataKey, RandomnessError, random_array};
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};

const LENGTH: usize = 32;

/// A key of 32 random bytes that publisher and device share.
#[derive(Debug)]
pub struct KeyFile(Parked<Secret<LENGTH>>);

impl KeyFile {
    /// A fresh random key.
    ///
    /// # Errors
    /// Only if the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomnessError> {
        let secret = Secret::try_from_fn(|bytes| rand::fill(bytes)).map_err(|_| RandomnessError)?;
        Ok(Self(Parked::new(secret)))
    }

    /// The key in `bytes`, which must be exactly 32.
    ///
    /// # Errors
    /// [`KeyError::KeyFile`] for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| KeyError::KeyFile)?;
        Ok(Self(Parked::new(Secret::from_fn(|key| key.copy_from_slice(bytes)))))
    }

    /// Reads the key, and nothing but the key, to the end of `reader`.
    ///
    /// # Errors
    /// The reader's own, or [`KeyError::KeyFile`] as `InvalidData` when it does not give exactly 32 bytes.
    pub fn read_from(reader: &mut impl Read) -> std::io::Result<Self> {
        let bytes = SecretBytes::read_from(reader, LENGTH + 1)?;
        Self::from_bytes(bytes.expose())
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }

    /// Makes the 32 bytes readable, to be stored, until the result is dropped.
    pub fn expose(&self) -> Exposed<'_, Secret<LENGTH>> {
        self.0.expose()
    }
}

impl Recipient for KeyFile {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let salt = random_array::<{ symmetric::SALT_LENGTH }>()?;
        Ok(symmetric::wrap(StanzaKind::KeyFile.word(), salt.to_vec(), &*self.0.expose(), key, context)?)
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
        let well_formed = stanza.parameters().len() == symmetric::SALT_LENGTH;
        Ok(well_formed.then(|| symmetric::unwrap(stanza, &*self.0.expose(), context)).flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_thirty_two_bytes_are_a_key() {
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
