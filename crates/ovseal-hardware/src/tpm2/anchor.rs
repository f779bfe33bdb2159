//! The device's TPM as the anchor of rollback states: a counter, and a MAC key that never leaves
//! it.

use ovseal::{AnchorError, Attested, RollbackAnchor};

use super::enroll::define_counter;
use super::error::TpmError;
use super::identity::DeviceIdentity;
use super::open::{DeviceSession, Sessions};
use super::policy::CounterIndex;
use super::public::{is_mac_key, mac_key_template};
use super::tss::{Esys, Handle};
use super::wire::{Bytes32, Reader, sha256, sized};

/// A device's TPM as the anchor of rollback states.
///
/// Each state has its own NV counter and key. The key is created under the device's key, so the TPM
/// uses it only in the state that the device's key requires. Anyone with access to the TPM can
/// increment or remove the counter, which makes the state unusable. Only the host of a virtual TPM
/// can set the counter back.
#[derive(Debug)]
pub struct TpmAnchor(DeviceIdentity);

/// A record of a state's counter and key: the index, and the key as the TPM wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnchorRecord {
    counter: CounterIndex,
    private: Vec<u8>,
    public: Vec<u8>,
}

impl TpmAnchor {
    /// Creates an anchor in the TPM of a device.
    pub fn new(identity: DeviceIdentity) -> Self {
        Self(identity)
    }

    /// Runs `work` with the device on the TPM's thread.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Esys, &DeviceSession) -> Result<T, TpmError> + Send + 'static,
    ) -> Result<T, AnchorError> {
        let session = self.0.session().map_err(|error| AnchorError::Backend(Box::new(error)))?;
        Ok(self.0.tpm().run(move |esys| work(esys, &session))?)
    }
}

impl RollbackAnchor for TpmAnchor {
    fn create(&self) -> Result<Vec<u8>, AnchorError> {
        let record = self.run(|esys, device| {
            let (private, public) = create_key(esys, device)?;
            // The key comes first: if it fails, nothing is left in the TPM.
            Ok(AnchorRecord { counter: define_counter(esys)?, private, public })
        })?;
        Ok(record.encode())
    }

    fn attest(&self, record: &[u8], message: &[u8]) -> Result<Attested, AnchorError> {
        let record = AnchorRecord::parse(record).ok_or(TpmError::AnchorRecord)?;
        let digest = sha256(&[b"ovseal/v1/rollback", &[0], message]);
        self.run(move |esys, device| attest(esys, device, &record, &digest))
    }

    fn advance(&self, record: &[u8], from: u64) -> Result<(), AnchorError> {
        let record = AnchorRecord::parse(record).ok_or(TpmError::AnchorRecord)?;
        self.run(move |esys, device| {
            let parent = device.parent().open(esys)?;
            let sessions = Sessions::new(esys, &parent);
            let (counter, session) = (esys.counter(record.counter)?, sessions.hmac()?);
            match esys.read_counter(&counter, Some(session))? {
                shown if shown == from => esys.increment(&counter, Some(session)),
                _ => Ok(()),
            }
        })
    }
}

fn create_key(esys: &Esys, device: &DeviceSession) -> Result<(Vec<u8>, Vec<u8>), TpmError> {
    let parent = device.parent().open(esys)?;
    let sessions = Sessions::new(esys, &parent);
    let create = |key: &Handle<'_>, session: &Handle<'_>| esys.create(key, session, &[], &mac_key_template());
    device.use_key(esys, &sessions, &parent, create)
}

fn attest(
    esys: &Esys,
    device: &DeviceSession,
    record: &AnchorRecord,
    digest: &Bytes32,
) -> Result<Attested, TpmError> {
    let parent = device.parent().open(esys)?;
    let sessions = Sessions::new(esys, &parent);
    let key = device.use_key(esys, &sessions, &parent, |key, session| {
        esys.load(key, session, &record.private, &record.public).map_err(|error| match error.in_parameter() {
            TpmError::Integrity => TpmError::AnchorRecord,
            error => error,
        })
    })?;
    let mac = esys.hmac(&key, sessions.hmac()?, digest)?;
    let counter = esys.read_counter(&esys.counter(record.counter)?, Some(sessions.hmac()?))?;
    Ok(Attested { counter, mac })
}

impl AnchorRecord {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&[VERSION][..], &self.counter.0.to_be_bytes(), &sized(&self.private), &self.public].concat()
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        reader.u8().filter(|&version| version == VERSION)?;
        let counter = CounterIndex::new(reader.u32()?)?;
        let private = reader.sized()?.to_vec();
        let public = reader.0.to_vec();
        is_mac_key(&public).then_some(Self { counter, private, public })
    }
}

const VERSION: u8 = 1;
