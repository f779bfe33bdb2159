//! The `passphrase` stanza, wrapped under the output of Argon2id (`docs/format.md` §4.1).

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use ovseal_memory::{Parked, Secret, SecretBytes};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroize;

use super::argon2_cost::Argon2Cost;
use super::context::Context;
use super::derivation::Derivation;
use super::{Identity, Recipient, UnwrapError, WrapError, symmetric};
use crate::crypto::data_key::DataKey;
use crate::key_error::KeyError;
use crate::line::without_line_ending;
use crate::random::random_array;
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};

const LENGTH_LIMIT: usize = 1024;

/// Maximum factor by which normalization form C lengthens UTF-8 (Unicode FAQ, Normalization).
const EXPANSION: usize = 3;

/// A passphrase in Unicode normalization form C.
#[derive(Debug)]
pub struct Passphrase {
    normalized: Arc<Parked<SecretBytes>>,
    cost: Argon2Cost,
}

/// The memory for Argon2id could not be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate {mib} MiB of memory for Argon2id")]
pub struct Argon2MemoryError {
    mib: u32,
}

impl From<Argon2MemoryError> for WrapError {
    fn from(error: Argon2MemoryError) -> Self {
        Self::Memory { mib: error.mib }
    }
}

impl From<Argon2MemoryError> for UnwrapError {
    fn from(error: Argon2MemoryError) -> Self {
        Self::Memory { mib: error.mib }
    }
}

impl Passphrase {
    /// Creates a passphrase from UTF-8 bytes.
    ///
    /// One final LF or CRLF is removed, and the rest is normalized. The result must have 1 to 1024
    /// bytes.
    ///
    /// # Errors
    /// [`KeyError::Passphrase`] if `bytes` are not such a passphrase.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(without_line_ending(bytes)).map_err(|_| KeyError::Passphrase)?;
        if text.len() > EXPANSION * LENGTH_LIMIT {
            return Err(KeyError::Passphrase);
        }
        let normalized = normalize(text)?;
        let allowed = (1..=LENGTH_LIMIT).contains(&normalized.len());
        let passphrase = Self { normalized: Arc::new(Parked::new(normalized)), cost: Argon2Cost::default() };
        allowed.then_some(passphrase).ok_or(KeyError::Passphrase)
    }

    /// Returns the same passphrase with a different cost for sealing.
    ///
    /// For opening, the cost comes from the container.
    pub fn with_cost(self, cost: Argon2Cost) -> Self {
        Self { cost, ..self }
    }

    /// Returns the cost for sealing.
    pub fn cost(&self) -> Argon2Cost {
        self.cost
    }

    /// Derives 32 bytes with Argon2id.
    ///
    /// Other crates use this for kinds of key that combine a passphrase with another secret.
    ///
    /// # Errors
    /// [`Argon2MemoryError`] if the memory cannot be allocated.
    pub fn derive(
        &self,
        salt: &[u8; symmetric::SALT_LENGTH],
        cost: Argon2Cost,
    ) -> Result<Secret<32>, Argon2MemoryError> {
        self.argon2id(salt, cost)
    }

    /// Derives 32 bytes as [`derive`](Self::derive) does, but only once per salt and cost in a
    /// context.
    ///
    /// This is for implementations of [`Identity`]. The context keeps the result in secret memory
    /// and zeroizes it on drop.
    ///
    /// # Errors
    /// [`Argon2MemoryError`] if the memory cannot be allocated.
    pub fn derive_once(
        &self,
        derivation: &Derivation,
        context: &Context,
    ) -> Result<Secret<32>, Argon2MemoryError> {
        let derive = || self.argon2id(&derivation.salt, derivation.cost);
        context.derivations.once(&self.normalized, derivation, derive)
    }

    fn argon2id(&self, salt: &[u8], cost: Argon2Cost) -> Result<Secret<32>, Argon2MemoryError> {
        let params = Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(32))
            .expect("the limits of the format are stricter than those of Argon2");
        let mut memory = Vec::new();
        let reserved = memory.try_reserve_exact(params.block_count());
        reserved.map_err(|_| Argon2MemoryError { mib: cost.memory_mib() })?;
        memory.resize(params.block_count(), Block::default());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let output = Secret::from_fn(|output| {
            argon2
                .hash_password_into_with_memory(&self.normalized.expose(), salt, output, &mut memory)
                .expect("Argon2 accepts these lengths of passphrase, salt and output");
        });
        memory.iter_mut().for_each(Zeroize::zeroize);
        Ok(output)
    }
}

impl Recipient for Passphrase {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let salt = random_array()?;
        let parameters = [&salt[..], &self.cost.encode()].concat();
        let secret = self.derive(&salt, self.cost)?;
        Ok(symmetric::wrap(StanzaKind::Passphrase.word(), parameters, secret.expose(), key, context)?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

impl Identity for Passphrase {
    fn stanza_type(&self) -> &str {
        StanzaKind::Passphrase.word()
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let Some(derivation) = self.derivation(stanza) else { return Ok(None) };
        let secret = self.derive_once(&derivation, context)?;
        Ok(symmetric::unwrap(stanza, secret.expose(), context))
    }

    /// Returns salt and cost, if the cost is within the limits of the format.
    fn derivation(&self, stanza: &Stanza) -> Option<Derivation> {
        let (salt, cost) = stanza.parameters().split_first_chunk()?;
        Some(Derivation { salt: *salt, cost: Argon2Cost::decode(cost.try_into().ok()?)? })
    }
}

/// Returns normalization form C of `text`, written directly into secret memory.
fn normalize(text: &str) -> Result<SecretBytes, KeyError> {
    let mut normalized =
        SecretBytes::with_capacity(EXPANSION * LENGTH_LIMIT).expect("3 KiB are far below the limit");
    for character in text.nfc() {
        let mut encoded = [0; 4];
        let pushed = normalized.extend(character.encode_utf8(&mut encoded).as_bytes());
        encoded.zeroize();
        pushed.map_err(|_| KeyError::Passphrase)?;
    }
    Ok(normalized)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        Passphrase::from_bytes(bytes).map(|passphrase| passphrase.normalized.expose().to_vec())
    }

    #[test]
    fn composed_and_decomposed_letters_are_equal() {
        assert_eq!(normalized("e\u{301}".as_bytes()), normalized("é".as_bytes()));
    }

    #[test]
    fn one_final_line_ending_is_removed() {
        for (bytes, expected) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a\r", "a\r"), (" a ", " a ")]
        {
            assert_eq!(normalized(bytes.as_bytes()).unwrap(), expected.as_bytes());
        }
    }

    #[test]
    fn empty_long_and_malformed_passphrases_are_rejected() {
        for bytes in [&b""[..], b"\n", b"\r\n", b"\xff", &[b'a'; 1025], &[b'a'; 100_000]] {
            assert_eq!(normalized(bytes), Err(KeyError::Passphrase));
        }
        assert_eq!(normalized(&[b'a'; 1024]).unwrap().len(), 1024);
    }

    #[test]
    fn argon2id_returns_the_value_of_the_reference_implementation() {
        let passphrase = Passphrase::from_bytes(b"password").unwrap();
        let output = passphrase.argon2id(b"somesalt", Argon2Cost::new(65_536, 2, 1).unwrap());
        let expected = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7";
        assert_eq!(base16ct::lower::encode_string(output.ok().unwrap().expose()), expected);
    }

    #[test]
    fn debug_shows_no_passphrase() {
        let shown = format!("{:?}", Passphrase::from_bytes(b"hunter2").unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
