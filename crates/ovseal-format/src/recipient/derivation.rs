//! Key derivations that stanzas require, each done at most once during a call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ovseal_memory::{Parked, Secret, SecretBytes};

use super::argon2_cost::Argon2Cost;

/// The key derivation from a passphrase that a stanza requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// The salt.
    pub salt: [u8; 32],
    /// The cost.
    pub cost: Argon2Cost,
}

/// The secrets derived during one call. They are zeroized on drop.
#[derive(Debug, Default)]
pub struct Derivations(Mutex<Vec<Derived>>);

#[derive(Debug)]
struct Derived {
    passphrase: Arc<Parked<SecretBytes>>,
    derivation: Derivation,
    output: Secret<32>,
}

impl Derivations {
    /// Returns the result of `derive`, or the earlier one for this passphrase and derivation.
    ///
    /// # Errors
    /// Any error of `derive`. Errors are not remembered.
    pub fn once<E>(
        &self,
        passphrase: &Arc<Parked<SecretBytes>>,
        derivation: &Derivation,
        derive: impl FnOnce() -> Result<Secret<32>, E>,
    ) -> Result<Secret<32>, E> {
        let mut derived = self.lock();
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

    /// Returns the number of distinct derivations so far.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Derived>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy(secret: &Secret<32>) -> Secret<32> {
    Secret::from_fn(|bytes| bytes.copy_from_slice(secret.expose()))
}
