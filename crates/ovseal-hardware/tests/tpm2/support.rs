//! A device, containers sealed to it, and outcomes of opening.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ovseal::{
    Context, DataKey, ErrorKind, Identity, ModelName, OpenError, OpenOptions, Recipient, RecipientClass,
    SealOptions, Stanza, Trust, UnwrapError, WrapError,
};
use ovseal_hardware::tpm2::{
    ApproverKey, Bounds, Device, DeviceIdentity, DevicePolicy, EnrollOptions, PcrDemand, PcrList, Tpm,
    TpmError,
};
use ovseal_testkit::{Fixture, Swtpm};
use tempfile::TempDir;

/// An enrolled device.
pub(crate) struct TestDevice {
    pub(crate) swtpm: Swtpm,
    pub(crate) directory: TempDir,
    pub(crate) device: Device,
}

impl TestDevice {
    /// Enrolls a device whose key has no policy.
    pub(crate) fn new() -> Self {
        Self::enrolled(|_| EnrollOptions::default())
    }

    /// Enrolls a device with these options.
    pub(crate) fn enrolled(options: impl FnOnce(&Tpm) -> EnrollOptions) -> Self {
        let (swtpm, directory) = (Swtpm::start(), tempfile::tempdir().unwrap());
        let tpm = tpm(&swtpm);
        let device = options(&tpm).enroll(&tpm, directory.path()).unwrap();
        Self { swtpm, directory, device }
    }

    /// Enrolls a device whose key requires the present values of PCRs.
    pub(crate) fn with_pcr(pcr: &str) -> Self {
        Self::enrolled(|tpm| {
            EnrollOptions::new(DevicePolicy::default().pcr(tpm.pcr_values(&list(pcr)).unwrap()))
        })
    }

    /// Enrolls a device whose key requires a state of PCRs approved with `key`.
    pub(crate) fn approved(pcr: &str, key: &ApproverKey) -> Self {
        Self::enrolled(|_| EnrollOptions::new(DevicePolicy::default().approved(list(pcr), key.approver())))
    }

    /// Approves the present state of PCRs with `key`, in the device's file `name`.
    pub(crate) fn approve(&self, pcr: &str, key: &ApproverKey, name: &str) {
        let approval = key.approve(self.tpm().pcr_values(&list(pcr)).unwrap()).unwrap();
        std::fs::write(self.directory.path().join(name), approval.encode()).unwrap();
    }

    pub(crate) fn tpm(&self) -> Tpm {
        tpm(&self.swtpm)
    }

    /// Loads the device from its disk.
    pub(crate) fn identity(&self) -> DeviceIdentity {
        DeviceIdentity::new(Device::load(self.directory.path()).unwrap(), self.tpm())
    }

    /// Opens a container with the device's TPM.
    pub(crate) fn open(&self, container: &Path) -> Result<(), OpenError> {
        open(container, &self.identity())
    }
}

pub(crate) fn tpm(swtpm: &Swtpm) -> Tpm {
    // A busy machine takes longer than a TPM in hardware.
    Tpm::new(&swtpm.tcti(), Duration::from_secs(120)).unwrap()
}

pub(crate) fn list(text: &str) -> PcrList {
    PcrDemand::parse(text).unwrap().list().unwrap()
}

/// Copies the files of one directory to another while the TPM is off.
pub(crate) fn copy_while_off(swtpm: &Swtpm, from: &Path, to: &Path) {
    swtpm.cut_power();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    swtpm.power_on();
}

/// A container and its directory.
pub(crate) struct Sealed {
    _fixture: Fixture,
    pub(crate) path: PathBuf,
}

pub(crate) fn seal(recipient: &dyn Recipient) -> Sealed {
    let fixture = Fixture::new(&[("weights.bin", CONTENT)]);
    let path = fixture.seal(SealOptions::new(ModelName::parse("weights").unwrap()).recipient(recipient));
    Sealed { _fixture: fixture, path }
}

pub(crate) fn seal_within(device: &TestDevice, bounds: Bounds) -> Sealed {
    seal(&device.device.recipient().with_bounds(bounds))
}

pub(crate) fn open(container: &Path, identity: &dyn Identity) -> Result<(), OpenError> {
    let opened = OpenOptions::new(Trust::AnySender).open(container, &[identity])?;
    assert_eq!(&opened.part("weights.bin")?.read()?[..], CONTENT);
    Ok(())
}

/// Returns the TPM's reason for not opening a container, and the kind of failure.
pub(crate) fn reason(outcome: Result<(), OpenError>) -> (TpmError, ErrorKind) {
    let error = outcome.unwrap_err();
    let kind = error.kind();
    let OpenError::Unwrap(UnwrapError::Backend(cause) | UnwrapError::Refused(cause)) = error else {
        panic!("not the TPM's: {error:?}")
    };
    (*cause.downcast::<TpmError>().unwrap(), kind)
}

/// A recipient whose stanza has one bit flipped at an offset.
pub(crate) struct Tampered<'r>(pub(crate) &'r dyn Recipient, pub(crate) usize);

impl Recipient for Tampered<'_> {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let stanza = self.0.wrap(key, context)?;
        let mut parameters = stanza.parameters().to_vec();
        parameters[self.1] ^= 1;
        let changed = Stanza::new(stanza.stanza_type().as_str(), parameters, |_| stanza.body().to_vec());
        Ok(changed.unwrap())
    }

    fn class(&self) -> RecipientClass {
        self.0.class()
    }
}

const CONTENT: &[u8] = b"the weights";

/// Asserts the kind of a rejection and the TPM's reason.
macro_rules! assert_refused {
    ($outcome:expr, $kind:ident, $pattern:pat $(if $guard:expr)?) => {{
        let (error, kind) = $crate::support::reason($outcome);
        assert!(matches!(&error, $pattern $(if $guard)?), "{error:?}");
        assert_eq!(kind, ovseal::ErrorKind::$kind, "{error:?}");
    }};
}
pub(crate) use assert_refused;
