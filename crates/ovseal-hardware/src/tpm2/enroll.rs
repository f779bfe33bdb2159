//! Creates a device's keys in its TPM.

use std::path::Path;

use ovseal_memory::Secret;

use super::device::{Device, DeviceError, DevicePolicy, Parent};
use super::error::TpmError;
use super::open::{Sessions, pin_value};
use super::policy::CounterIndex;
use super::public::{StorageKey, primary_template};
use super::tss::{Esys, Handle};
use super::worker::Tpm;

/// Options for enrolling a device.
#[derive(Debug, Default)]
#[must_use = "settings do nothing until they are used to enroll"]
pub struct EnrollOptions {
    policy: DevicePolicy,
    pin: Option<Secret<32>>,
}

impl EnrollOptions {
    /// Creates options for a key with this policy.
    pub fn new(policy: DevicePolicy) -> Self {
        Self { policy, pin: None }
    }

    /// Also requires a PIN. The TPM locks after several wrong PINs or unclean power-offs.
    pub fn pin(self, pin: &[u8]) -> Self {
        let policy = DevicePolicy { has_pin: true, ..self.policy };
        Self { policy, pin: Some(pin_value(pin)) }
    }

    /// Creates the device's storage key and epoch counter, and writes the wrapped key to
    /// `directory`.
    ///
    /// Nothing in the directory is secret: without this TPM it is useless.
    ///
    /// # Errors
    /// [`DeviceError`], for example if the directory already belongs to an enrolled device.
    pub fn enroll(self, tpm: &Tpm, directory: &Path) -> Result<Device, DeviceError> {
        if Device::is_enrolled(directory) {
            Device::load(directory)?;
            return Err(DeviceError::Enrolled { path: directory.to_owned() });
        }
        ovseal_files::create_private_directory(directory)
            .map_err(|source| DeviceError::Write { path: directory.to_owned(), source })?;
        let file = Device::begin(directory)?;
        let Self { policy, pin } = self;
        let directory = directory.to_owned();
        let device = tpm.run(move |esys| {
            let (handle, parent) = parent(esys)?;
            let (private, key) = create_key(esys, &parent, &policy, pin.as_ref())?;
            let parent = Parent { handle, name: parent.name()? };
            let counter = define_counter(esys)?;
            Ok(Device { directory, parent, private, key, policy, counter })
        })?;
        device.save(file)?;
        Ok(device)
    }
}

/// Opens the storage key provided by the TPM's owner.
///
/// If there is none, creates a primary key, which takes no room in the TPM.
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
    // A TPM may strip leading zeros of a coordinate and then derive from fewer bytes. Such a key is
    // replaced by another one.
    for _ in 0..KEY_ATTEMPTS {
        let (private, public) = esys.create(parent, sessions.hmac()?, authorization, &template)?;
        if let Some(key) = StorageKey::parse(&public) {
            return Ok((private, key));
        }
    }
    Err(TpmError::Nonsense("Create"))
}

/// Defines a counter at the first free index and increments it once, so that it has a value.
pub(super) fn define_counter(esys: &Esys) -> Result<CounterIndex, TpmError> {
    let used = esys.handles(FIRST_COUNTER, COUNTERS)?;
    let free = (FIRST_COUNTER..FIRST_COUNTER + COUNTERS).find(|index| !used.contains(index));
    let index = CounterIndex(free.ok_or(TpmError::NoRoom { command: "NV_DefineSpace" })?);
    let counter = esys.define_counter(index)?;
    esys.increment(&counter, None)?;
    Ok(index)
}

/// Conventional handle of the owner's storage key.
///
/// Source: TCG Registry of Reserved TPM 2.0 Handles and Localities.
const STORAGE_KEY: u32 = 0x8100_0001;
/// First of the indices for counters of devices, of which a TPM may have several, and of rollback
/// states.
const FIRST_COUNTER: u32 = 0x0180_6f76;
const COUNTERS: u32 = 64;
const KEY_ATTEMPTS: u32 = 8;
