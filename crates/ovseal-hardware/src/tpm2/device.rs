//! The device's key on its disk, wrapped by the TPM and useless anywhere else.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ovseal_files::AtomicFile;

use super::approval::{Approval, Approver};
use super::pcr::{PcrList, PcrValues};
use super::policy::{CounterIndex, PolicyDigest};
use super::public::StorageKey;
use super::recipient::DeviceRecipient;
use super::wire::Reader;

/// An enrolled device: its storage key, wrapped by its TPM.
#[derive(Clone, Debug)]
pub struct Device {
    pub(super) directory: PathBuf,
    pub(super) parent: Parent,
    pub(super) private: Vec<u8>,
    pub(super) key: StorageKey,
    pub(super) policy: DevicePolicy,
    pub(super) counter: CounterIndex,
}

/// The key in the TPM that wraps the device's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    /// The handle of the persistent storage key, or `None` for a primary key created again each
    /// time.
    pub(super) handle: Option<u32>,
    pub(super) name: Vec<u8>,
}

/// The conditions for every use of the device's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevicePolicy {
    pub(super) state: Option<StatePolicy>,
    pub(super) has_pin: bool,
}

/// The required measured state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StatePolicy {
    /// Exactly these values.
    Values(PcrValues),
    /// Values that the approver signed.
    Approved(PcrList, Approver),
}

/// Errors of the device's file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device was not enrolled, or was enrolled with a different directory.
    #[error("the device is not enrolled: {} does not exist", path.display())]
    NotEnrolled {
        /// The file.
        path: PathBuf,
    },
    /// The device is already enrolled.
    #[error("the device is already enrolled: {} exists", path.display())]
    Enrolled {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The TPM failed.
    #[error(transparent)]
    Tpm(#[from] super::error::TpmError),
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    version: u8,
    #[n(1)]
    parent_handle: Option<u32>,
    #[n(2)]
    parent_name: ByteVec,
    #[n(3)]
    private: ByteVec,
    #[n(4)]
    public: ByteVec,
    /// The bitmap, followed by the values unless an approver signs the values.
    #[n(5)]
    pcr: Option<ByteVec>,
    #[n(6)]
    approver: Option<ByteVec>,
    #[n(7)]
    has_pin: bool,
    #[n(8)]
    counter: u32,
}

impl DevicePolicy {
    /// Requires PCRs to keep these values.
    #[must_use]
    pub fn pcr(self, values: PcrValues) -> Self {
        Self { state: Some(StatePolicy::Values(values)), ..self }
    }

    /// Requires an approver's signature over the values of these PCRs.
    #[must_use]
    pub fn approved(self, list: PcrList, approver: Approver) -> Self {
        Self { state: Some(StatePolicy::Approved(list, approver)), ..self }
    }

    pub(super) fn digest(&self) -> Option<PolicyDigest> {
        let state = match &self.state {
            None => PolicyDigest::EMPTY,
            Some(StatePolicy::Values(values)) => PolicyDigest::EMPTY.pcr(values),
            Some(StatePolicy::Approved(list, approver)) => approver.policy(list),
        };
        let policy = if self.has_pin { state.auth_value() } else { state };
        (policy != PolicyDigest::EMPTY).then_some(policy)
    }
}

impl Device {
    /// Reads the device enrolled with this directory.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn load(directory: &Path) -> Result<Self, DeviceError> {
        let path = directory.join(FILE);
        let bytes = match read_limited(&path, FILE_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DeviceError::NotEnrolled { path });
            }
            Err(source) => return Err(DeviceError::Read { path, source }),
        };
        Self::parse(&bytes, directory).ok_or(DeviceError::Damaged { path })
    }

    /// Returns whether a device was enrolled with this directory.
    pub fn is_enrolled(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    /// Returns the recipient to which others seal.
    pub fn recipient(&self) -> DeviceRecipient {
        DeviceRecipient::new(self.key.clone(), self.counter)
    }

    /// Returns the device's id, which is visible in its stanzas.
    pub fn id(&self) -> [u8; 32] {
        self.key.id()
    }

    /// Returns whether the device's key requires a PIN.
    pub fn has_pin(&self) -> bool {
        self.policy.has_pin
    }

    /// Returns the PCRs on which the device's key depends, if any.
    pub fn pcr_list(&self) -> Option<PcrList> {
        self.policy.state.as_ref().map(StatePolicy::list)
    }

    /// Returns whether the device's key accepts states signed by an approver.
    pub fn has_approver(&self) -> bool {
        matches!(self.policy.state, Some(StatePolicy::Approved(..)))
    }

    /// Reads the approvals in the device's directory (`*.approval`). Skips invalid files.
    ///
    /// # Errors
    /// [`DeviceError::Read`] if the directory cannot be read.
    pub fn approvals(&self) -> Result<Vec<Approval>, DeviceError> {
        let failed = |source| DeviceError::Read { path: self.directory.clone(), source };
        let entries = std::fs::read_dir(&self.directory).map_err(failed)?;
        let mut files =
            entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "approval"));
        files.sort();
        let texts = files.iter().take(APPROVALS_LIMIT).filter_map(|file| read_limited(file, FILE_LIMIT).ok());
        Ok(texts.filter_map(|text| Approval::parse(std::str::from_utf8(&text).ok()?).ok()).collect())
    }

    /// Starts the device's file, so that a read-only directory fails before the TPM changes.
    pub(super) fn begin(directory: &Path) -> Result<AtomicFile, DeviceError> {
        let path = directory.join(FILE);
        AtomicFile::with_mode(&path, 0o600).map_err(|source| DeviceError::Write { path, source })
    }

    /// Writes the device's file, which must not exist.
    pub(super) fn save(&self, file: AtomicFile) -> Result<(), DeviceError> {
        let path = self.directory.join(FILE);
        let write = move || {
            file.file().write_all(&self.encode())?;
            file.commit(false)
        };
        write().map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => DeviceError::Enrolled { path: path.clone() },
            _ => DeviceError::Write { path: path.clone(), source },
        })
    }

    fn encode(&self) -> Vec<u8> {
        let (pcr, approver) = match &self.policy.state {
            None => (None, None),
            Some(StatePolicy::Values(values)) => (Some(values.encode()), None),
            Some(StatePolicy::Approved(list, approver)) => {
                (Some(list.bitmap().to_vec()), Some(approver.sec1()))
            }
        };
        let wire = Wire {
            version: VERSION,
            parent_handle: self.parent.handle,
            parent_name: self.parent.name.clone().into(),
            private: self.private.clone().into(),
            public: self.key.bytes().to_vec().into(),
            pcr: pcr.map(Into::into),
            approver: approver.map(Into::into),
            has_pin: self.policy.has_pin,
            counter: self.counter.0,
        };
        minicbor::to_vec(wire).expect("writing to a vector cannot fail")
    }

    pub(super) fn parse(bytes: &[u8], directory: &Path) -> Option<Self> {
        let wire: Wire = minicbor::decode(bytes).ok()?;
        let key = StorageKey::parse(&wire.public)?;
        let state = match (wire.pcr, wire.approver) {
            (None, None) => None,
            (Some(values), None) => Some(StatePolicy::Values(PcrValues::take(&mut Reader(&values))?)),
            (Some(bitmap), Some(approver)) => {
                let list = PcrList::from_bitmap(bitmap.as_slice().try_into().ok()?)?;
                Some(StatePolicy::Approved(list, Approver::from_sec1(&approver)?))
            }
            (None, Some(_)) => return None,
        };
        let device = Self {
            directory: directory.to_owned(),
            parent: Parent { handle: wire.parent_handle, name: wire.parent_name.into() },
            private: wire.private.into(),
            policy: DevicePolicy { state, has_pin: wire.has_pin },
            counter: CounterIndex::new(wire.counter)?,
            key,
        };
        // The TPM enforces the policy of the key. A file that states a different policy is damaged.
        let consistent = device.policy.digest() == device.key.policy() && device.encode() == bytes;
        (wire.version == VERSION && consistent).then_some(device)
    }
}

impl StatePolicy {
    pub(super) fn list(&self) -> PcrList {
        match self {
            Self::Values(values) => values.list(),
            Self::Approved(list, _) => list.clone(),
        }
    }
}

/// Reads a regular file of at most `limit` bytes.
fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ovseal_files::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

const FILE: &str = "tpm2-device";
const FILE_LIMIT: u64 = 16 * 1024;
const APPROVALS_LIMIT: usize = 64;
const VERSION: u8 = 1;
