//! One sealing key of this enclave.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use aws_lc_rs::rand;
use ovseal::{Context, DataKey, Recipient, RecipientClass, Stanza, WrapError, symmetric};
use ovseal_memory::Secret;
use zeroize::Zeroizing;

use super::{EnclaveError, STANZA_TYPE};

/// Bytes in a key of Gramine.
const KEY_LENGTH: usize = 16;

/// Which enclaves get the same key, on the same processor at the same or a higher security version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealingPolicy {
    /// The very same enclave: `MRENCLAVE`. A new build, or a new version of Gramine, is another one.
    Enclave = 1,
    /// All enclaves of the same signer: `MRSIGNER`, with the same product id.
    Signer = 2,
}

/// A sealing key of the enclave in which this runs.
#[derive(Debug)]
pub struct EnclaveKey {
    policy: SealingPolicy,
    key: Secret<KEY_LENGTH>,
}

impl SealingPolicy {
    const ALL: [Self; 2] = [Self::Enclave, Self::Signer];

    /// The policy's word: `mrenclave` or `mrsigner`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enclave => "mrenclave",
            Self::Signer => "mrsigner",
        }
    }

    /// The policy of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }

    /// The policy that a stanza of this type states; nothing when it is malformed.
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
    /// Reads the key for `policy` from Gramine's files below `root`, which is [`GRAMINE`](super::GRAMINE).
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
        // One byte more than a key shows whether the file ends there.
        // It is not read into secret memory: the kernel refuses to let a file system in user space write there.
        let mut bytes = Zeroizing::new([0; KEY_LENGTH + 1]);
        let length = fill(&mut file, bytes.as_mut())
            .map_err(|source| EnclaveError::Read { path: path.clone(), source })?;
        if length != KEY_LENGTH {
            return Err(EnclaveError::Length { path });
        }
        let key = Secret::from_fn(|key: &mut [u8; KEY_LENGTH]| key.copy_from_slice(&bytes[..KEY_LENGTH]));
        Ok(Self { policy, key })
    }

    /// The data key in `stanza`, if it was made with this key.
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

/// Reads until `buffer` is full or the file ends, and gives the number of bytes.
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
