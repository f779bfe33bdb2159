//! The device's TPM as the anchor of rollback states: a counter, and a key for MACs that never leaves the TPM.

use ovseal::{AnchorError, Attested, RollbackAnchor};

use super::enroll::define_counter;
use super::error::TpmError;
use super::identity::DeviceIdentity;
use super::open::{Caller, Sessions};
use super::policy::CounterIndex;
use super::public::{is_mac_key, mac_key_template};
use super::tss::{Esys, Handle};
use super::wire::{Bytes32, Reader, sha256, sized};

/// A device's TPM, to which rollback states are tied.
///
/// Each state has an NV counter and a key of its own. The key is made under the device's key, so the TPM uses it only in the
/// state that this one demands. Anyone who reaches the TPM can count the counter up or remove it, and so have the state
/// denied; nobody can set it back, but for whoever keeps a virtual TPM.
#[derive(Debug)]
pub struct TpmAnchor(DeviceIdentity);

/// Where a state's counter and key are found again: index, and the key as the TPM wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    counter: CounterIndex,
    private: Vec<u8>,
    public: Vec<u8>,
}

impl TpmAnchor {
    /// The TPM of a device.
    pub fn new(identity: DeviceIdentity) -> Self {
        Self(identity)
    }

    /// Does `work` with the device's caller on the TPM's thread.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Esys, &Caller) -> Result<T, TpmError> + Send + 'static,
    ) -> Result<T, AnchorError> {
        let caller = self.0.caller().map_err(|error| AnchorError::Backend(Box::new(error)))?;
        Ok(self.0.tpm().run(move |esys| work(esys, &caller))?)
    }
}

impl RollbackAnchor for TpmAnchor {
    fn create(&self) -> Result<Vec<u8>, AnchorError> {
        let place = self.run(|esys, caller| {
            let (private, public) = create_key(esys, caller)?;
            // The key first: what fails before leaves nothing in the TPM.
            Ok(Place { counter: define_counter(esys)?, private, public })
        })?;
        Ok(place.encode())
    }

    fn attest(&self, place: &[u8], message: &[u8]) -> Result<Attested, AnchorError> {
        let place = Place::parse(place).ok_or(TpmError::Place)?;
        let digest = sha256(&[b"ovseal/v1/rollback", &[0], message]);
        self.run(move |esys, caller| attest(esys, caller, &place, &digest))
    }

    fn advance(&self, place: &[u8], from: u64) -> Result<(), AnchorError> {
        let place = Place::parse(place).ok_or(TpmError::Place)?;
        self.run(move |esys, caller| {
            let parent = caller.device.parent.open(esys)?;
            let kept = Sessions::new(esys, &parent);
            let (counter, session) = (esys.counter(place.counter)?, kept.hmac()?);
            match esys.read_counter(&counter, Some(session))? {
                shown if shown == from => esys.increment(&counter, Some(session)),
                _ => Ok(()),
            }
        })
    }
}

fn create_key(esys: &Esys, caller: &Caller) -> Result<(Vec<u8>, Vec<u8>), TpmError> {
    let parent = caller.device.parent.open(esys)?;
    let kept = Sessions::new(esys, &parent);
    caller.use_key(esys, &kept, &parent, |key, session| esys.create(key, session, &[], &mac_key_template()))
}

fn attest(esys: &Esys, caller: &Caller, place: &Place, digest: &Bytes32) -> Result<Attested, TpmError> {
    let parent = caller.device.parent.open(esys)?;
    let kept = Sessions::new(esys, &parent);
    let load = |key: &Handle<'_>, session: &Handle<'_>| {
        let loaded = esys.load(key, session, &place.private, &place.public).map_err(TpmError::in_parameter);
        loaded.map_err(|error| if let TpmError::Integrity = error { TpmError::Place } else { error })
    };
    let key = caller.use_key(esys, &kept, &parent, load)?;
    let mac = esys.hmac(&key, kept.hmac()?, digest)?;
    let counter = esys.read_counter(&esys.counter(place.counter)?, Some(kept.hmac()?))?;
    Ok(Attested { counter, mac })
}

impl Place {
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
