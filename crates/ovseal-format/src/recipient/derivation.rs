//! Key derivations that stanzas require, each done once in a call.

use std::sync::{Arc, Mutex, PoisonError};

use ovseal_memory::{Parked, Secret, SecretBytes};

use super::argon2_cost::Argon2Cost;

/// The key derivation that a stanza demands of one passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// The salt.
    pub salt: [u8; 32],
    /// The cost.
    pub cost: Argon2Cost,
}

/// What was derived in one call. It is zeroized when the call ends.
#[derive(Debug, Default)]
pub struct Derivations(Mutex<Vec<Derived>>);

#[derive(Debug)]
struct Derived {
    passphrase: Arc<Parked<SecretBytes>>,
    derivation: Derivation,
    output: Secret<32>,
}

impl Derivations {
    /// Returns what `derive` makes of the passphrase, or what it made of it earlier in this call.
    pub fn once<E>(
        &self,
        passphrase: &Arc<Parked<SecretBytes>>,
        derivation: &Derivation,
        derive: impl FnOnce() -> Result<Secret<32>, E>,
    ) -> Result<Secret<32>, E> {
        let mut derived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |earlier: &&Derived| {
            Arc::ptr_eq(&earlier.passphrase, passphrase) && earlier.derivation == *derivation
        };
        if let Some(earlier) = derived.iter().find(is_same) {
            return Ok(copy(&earlier.output));
        }
        let output = derive()?;
        let (passphrase, derivation) = (passphrase.clone(), *derivation);
        derived.push(Derived { passphrase, derivation, output: copy(&output) });
        Ok(output)
    }

    /// Returns the number of derivations that were done.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn copy(secret: &Secret<32>) -> Secret<32> {
    Secret::from_fn(|bytes| bytes.copy_from_slice(secret.expose()))
}
