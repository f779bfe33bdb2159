//! Making a device's keys in its TPM.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use ovseal_memory::Secret;

use super::device::{Device, DeviceError, DevicePolicy, Parent};
use super::error::TpmError;
use super::open::{Sessions, pin_value};
use super::policy::CounterIndex;
use super::public::{StorageKey, primary_template};
use super::tss::{Esys, Handle};
use super::worker::Tpm;

/// What a device is enrolled with.
#[derive(Debug, Default)]
#[must_use = "settings do nothing until they are used to enroll"]
pub struct EnrollOptions {
    policy: DevicePolicy,
    pin: Option<Secret<32>>,
}

impl EnrollOptions {
    /// Makes settings for a key that demands what `policy` says.
    pub fn new(policy: DevicePolicy) -> Self {
        Self { policy, pin: None }
    }

    /// Demands a PIN too. The TPM locks itself after some wrong ones, and also after some unclean power-offs.
    pub fn pin(self, pin: &[u8]) -> Self {
        let policy = DevicePolicy { has_pin: true, ..self.policy };
        Self { policy, pin: Some(pin_value(pin)) }
    }

    /// Makes the device's storage key and its epoch counter, and writes the wrapped key into `folder`.
    ///
    /// Nothing in the folder is secret: without this TPM it is of no use.
    ///
    /// # Errors
    /// [`DeviceError`], above all when the folder holds an enrolled device.
    pub fn enroll(self, tpm: &Tpm, folder: &Path) -> Result<Device, DeviceError> {
        if Device::is_enrolled(folder) {
            Device::load(folder)?;
            return Err(DeviceError::Enrolled { path: folder.to_owned() });
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| DeviceError::Write { path: folder.to_owned(), source })?;
        let file = Device::begin(folder)?;
        let Self { policy, pin } = self;
        let folder = folder.to_owned();
        let device = tpm.run(move |esys| {
            let (handle, parent) = parent(esys)?;
            let key = create_key(esys, &parent, &policy, pin.as_ref())?;
            let (private, key) = key;
            let parent = Parent { handle, name: parent.name()? };
            let counter = define_counter(esys)?;
            Ok(Device { folder, parent, private, key, policy, counter })
        })?;
        device.save(file)?;
        Ok(device)
    }
}

/// The storage key that the TPM's owner provided, or else a primary key of our own, which takes no room in the TPM.
fn parent(esys: &Esys) -> Result<(Option<u32>, Handle<'_>), TpmError> {
    if esys.handles(STORAGE_KEY, 1)?.first() == Some(&STORAGE_KEY) {
        return Ok((Some(STORAGE_KEY), esys.existing(STORAGE_KEY)?));
    }
    Ok((None, esys.create_primary(&primary_template())?))
}

fn create_key(
    esys: &Esys,
    parent: &Handle<'_>,
    policy: &DevicePolicy,
    pin: Option<&Secret<32>>,
) -> Result<(Vec<u8>, StorageKey), TpmError> {
    let sessions = Sessions::new(esys, parent);
    let template = StorageKey::template(policy.digest(), policy.has_pin);
    let authorization = pin.map_or(&[][..], |pin| pin.expose());
    // A TPM may leave out leading zeros of a coordinate, and then derive from fewer bytes: such a key is made anew.
    for _ in 0..KEY_ATTEMPTS {
        let (private, public) = esys.create(parent, sessions.hmac()?, authorization, &template)?;
        if let Some(key) = StorageKey::parse(&public) {
            return Ok((private, key));
        }
    }
    Err(TpmError::Nonsense("Create"))
}

/// Defines a counter at the first free index and counts it up once, so that it has a value.
pub(super) fn define_counter(esys: &Esys) -> Result<CounterIndex, TpmError> {
    let used = esys.handles(FIRST_COUNTER, COUNTERS)?;
    let free = (FIRST_COUNTER..FIRST_COUNTER + COUNTERS).find(|index| !used.contains(index));
    let index = CounterIndex(free.ok_or(TpmError::NoRoom { command: "NV_DefineSpace" })?);
    let counter = esys.define_counter(index)?;
    esys.increment(&counter, None)?;
    Ok(index)
}

/// Where the owner's storage key stands by convention (TCG Registry of Reserved TPM 2.0 Handles and Localities).
const STORAGE_KEY: u32 = 0x8100_0001;
/// Counters of devices, of several enrolled folders on one TPM too, and of rollback states.
const FIRST_COUNTER: u32 = 0x0180_6f76;
const COUNTERS: u32 = 64;
const KEY_ATTEMPTS: u32 = 8;
