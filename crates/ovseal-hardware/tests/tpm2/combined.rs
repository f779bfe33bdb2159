//! Stanzas that require the TPM and a passphrase.

use std::sync::Arc;

use ovseal::{Argon2Cost, ErrorKind, ModelName, OpenError, Passphrase, SealError, SealOptions};
use ovseal_hardware::tpm2::{
    Bounds, CombinedIdentity, CombinedRecipient, Device, DeviceIdentity, EnrollOptions, TpmError,
};
use ovseal_testkit::Fixture;

use crate::support::{Tampered, TestDevice, assert_refused, open, seal};

/// Creates a passphrase with a very low derivation cost.
fn passphrase(text: &str) -> Passphrase {
    Passphrase::from_bytes(text.as_bytes()).unwrap().with_cost(Argon2Cost::new(64, 1, 1).unwrap())
}

fn recipient(device: &TestDevice, bounds: Bounds) -> CombinedRecipient {
    device.device.recipient().with_bounds(bounds).with_passphrase(Arc::new(passphrase("correct horse")))
}

fn identity(device: &TestDevice, text: &str) -> CombinedIdentity {
    device.identity().with_passphrase(passphrase(text))
}

#[test]
fn both_open_and_neither_opens_alone() {
    let (device, other) = (TestDevice::new(), TestDevice::new());
    let sealed = seal(&recipient(&device, Bounds::default()));
    open(&sealed.path, &identity(&device, "correct horse")).unwrap();
    assert_refused!(
        open(&sealed.path, &identity(&device, "wrong horse")),
        NoKeyFits,
        TpmError::WrongPassphrase
    );
    let alone = [open(&sealed.path, &device.identity()), open(&sealed.path, &passphrase("correct horse"))];
    let elsewhere = open(&sealed.path, &identity(&other, "correct horse"));
    for refused in alone.into_iter().chain([elsewhere]) {
        assert!(matches!(refused, Err(OpenError::NoKeyFits { .. })), "{refused:?}");
    }
    let copied = DeviceIdentity::new(Device::load(device.directory.path()).unwrap(), other.tpm());
    let copied = copied.with_passphrase(passphrase("correct horse"));
    assert_refused!(open(&sealed.path, &copied), NoKeyFits, TpmError::AnotherTpm);
}

#[test]
fn requirements_of_the_tpm_apply_in_addition_to_the_passphrase() {
    let device = TestDevice::enrolled(|_| EnrollOptions::default().pin(b"2580"));
    let epoch = device.device.epoch(&device.tpm()).unwrap();
    let sealed = seal(&recipient(&device, Bounds::default().epoch_at_most(epoch)));
    let with_pin = |pin: &[u8], text: &str| {
        let identity = device.identity().with_pin(pin).with_passphrase(passphrase(text));
        open(&sealed.path, &identity)
    };
    with_pin(b"2580", "correct horse").unwrap();
    assert_refused!(with_pin(b"2581", "correct horse"), NoKeyFits, TpmError::WrongPin);
    assert_refused!(with_pin(b"2580", "wrong horse"), NoKeyFits, TpmError::WrongPassphrase);
    device.device.advance_epoch(&device.tpm()).unwrap();
    assert_refused!(with_pin(b"2580", "correct horse"), NoKeyFits, TpmError::Epoch { .. });
    device.swtpm.cut_power();
    assert_refused!(with_pin(b"2580", "correct horse"), Environment, TpmError::Connect { .. });
}

#[test]
fn a_changed_byte_anywhere_opens_nothing() {
    let device = TestDevice::new();
    let recipient = recipient(&device, Bounds::default());
    let identity = identity(&device, "correct horse");
    // Salt, cost, version, device, counter and bounds, then the wrapped share: unique, point, MAC,
    // ciphertext.
    let positions =
        [0, 31, 32, 35, 39, 43, 44, 45, 77, 80, 81, 82, 113, 114, 145, 146, 178, 180, 182, 214, 252];
    for position in positions {
        let error = open(&seal(&Tampered(&recipient, position)).path, &identity).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoKeyFits, "{position}: {error:?}");
    }
    open(&seal(&recipient).path, &identity).unwrap();
}

#[test]
fn a_container_has_at_most_one_stanza_with_a_device_and_a_passphrase() {
    let device = TestDevice::new();
    let recipients = [recipient(&device, Bounds::default()), recipient(&device, Bounds::default())];
    let fixture = Fixture::new(&[("weights.bin", b"weights")]);
    let options = SealOptions::new(ModelName::parse("weights").unwrap());
    let options = recipients.iter().fold(options, |options, recipient| options.recipient(recipient));
    assert!(matches!(
        options.seal(&fixture.model(), &fixture.container()),
        Err(SealError::TooManyRecipients)
    ));
}
