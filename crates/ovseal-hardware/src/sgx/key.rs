//! A sealing key of this enclave.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use aws_lc_rs::rand;
use ovseal::{Context, DataKey, Recipient, RecipientClass, Stanza, WrapError, symmetric};
use ovseal_memory::Secret;
use zeroize::Zeroizing;

use super::{EnclaveError, STANZA_TYPE};

/// Length of Gramine's keys, in bytes.
const KEY_LENGTH: usize = 16;

/// The enclaves that share a key, on one processor at the same or a higher security version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealingPolicy {
    /// Only the same enclave (`MRENCLAVE`). A new build or a new version of Gramine is a different
    /// enclave.
    Enclave = 1,
    /// All enclaves of the same signer (`MRSIGNER`) with the same product id.
    Signer = 2,
}

/// A sealing key of the current enclave.
#[derive(Debug)]
pub struct EnclaveKey {
    policy: SealingPolicy,
    key: Secret<KEY_LENGTH>,
}

impl SealingPolicy {
    const ALL: [Self; 2] = [Self::Enclave, Self::Signer];

    /// Returns the policy's word: `mrenclave` or `mrsigner`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enclave => "mrenclave",
            Self::Signer => "mrsigner",
        }
    }

    /// Parses the policy's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }

    /// Returns the policy stated in the parameters of a stanza, `None` if they are malformed.
    pub fn of_stanza(parameters: &[u8]) -> Option<Self> {
        let [number] = parameters.get(symmetric::SALT_LENGTH..)? else { return None };
        Self::ALL.into_iter().find(|policy| *policy as u8 == *number)
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Enclave => "keys/_sgx_mrenclave",
            Self::Signer => "keys/_sgx_mrsigner",
        }
    }
}

impl EnclaveKey {
    /// Reads the key for `policy` below `root`, usually [`GRAMINE`](super::GRAMINE).
    ///
    /// # Errors
    /// [`EnclaveError`].
    pub fn read(root: &Path, policy: SealingPolicy) -> Result<Self, EnclaveError> {
        let path = root.join(policy.file());
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(EnclaveError::NoEnclave { path });
            }
            opened => opened.map_err(|source| EnclaveError::Read { path: path.clone(), source })?,
        };
        // Reading one byte more than a key shows whether the file ends there. The buffer is in
        // ordinary memory, because the kernel lets no user-space file system write to secret
        // memory.
        let mut bytes = Zeroizing::new([0; KEY_LENGTH + 1]);
        let length = fill(&mut file, bytes.as_mut())
            .map_err(|source| EnclaveError::Read { path: path.clone(), source })?;
        if length != KEY_LENGTH {
            return Err(EnclaveError::Length { path });
        }
        let key = Secret::from_fn(|key: &mut [u8; KEY_LENGTH]| key.copy_from_slice(&bytes[..KEY_LENGTH]));
        Ok(Self { policy, key })
    }

    /// Returns the data key in `stanza`, if this key wrapped it.
    pub(super) fn unwrap(&self, stanza: &Stanza, context: &Context) -> Option<DataKey> {
        symmetric::unwrap(stanza, self.key.expose(), context)
    }
}

impl Recipient for EnclaveKey {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let mut parameters = vec![0; symmetric::SALT_LENGTH];
        rand::fill(&mut parameters).map_err(|error| WrapError::Backend(Box::new(error)))?;
        parameters.push(self.policy as u8);
        Ok(symmetric::wrap(STANZA_TYPE, parameters, self.key.expose(), key, context)?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

/// Reads until `buffer` is full or the file ends, and returns the number of bytes.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
