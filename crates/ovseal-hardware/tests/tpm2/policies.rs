//! Requirements of a device's key: measured states, approvals, a PIN.

use ovseal::{OpenError, PublicKeyIdentity, RekeyError, RekeyOptions, Trust};
use ovseal_hardware::tpm2::{ApproverKey, Device, DeviceError, DevicePolicy, EnrollOptions, TpmError};

use crate::support::{TestDevice, assert_refused, list, seal};

#[test]
fn only_the_device_that_a_container_is_sealed_to_opens_it() {
    let (a, b) = (TestDevice::new(), TestDevice::new());
    let sealed = seal(&a.device.recipient());
    a.open(&sealed.path).unwrap();
    assert!(matches!(b.open(&sealed.path), Err(OpenError::NoKeyFits { .. })));
    a.swtpm.power_cycle();
    a.open(&sealed.path).unwrap();
}

#[test]
fn a_changed_register_is_rejected_and_named() {
    let device = TestDevice::with_pcr("7,16");
    let sealed = seal(&device.device.recipient());
    device.open(&sealed.path).unwrap();
    device.swtpm.extend(16);
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::PcrChanged(pcrs) if pcrs == &[16]);
    device.swtpm.power_cycle();
    device.open(&sealed.path).unwrap();
}

#[test]
fn an_approved_state_opens_until_it_changes_and_again_after_the_next_approval() {
    let key = ApproverKey::generate().unwrap();
    let device = TestDevice::approved("16", &key);
    let sealed = seal(&device.device.recipient());
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::NotApproved { approvals: 0, .. });
    device.approve("16", &key, "one.approval");
    device.open(&sealed.path).unwrap();
    device.swtpm.extend(16);
    assert_refused!(device.open(&sealed.path), NoKeyFits,
        TpmError::NotApproved { registers, approvals: 1 } if registers == &[16]);
    device.approve("16", &ApproverKey::generate().unwrap(), "forged.approval");
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::ForgedApproval);
    device.approve("16", &key, "two.approval");
    device.open(&sealed.path).unwrap();
}

#[test]
fn an_approval_of_other_registers_does_not_count() {
    let key = ApproverKey::generate().unwrap();
    let device = TestDevice::approved("7,16", &key);
    device.approve("7", &key, "less.approval");
    let sealed = seal(&device.device.recipient());
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::NotApproved { approvals: 0, .. });
}

#[test]
fn a_pin_opens_a_wrong_one_is_rejected_and_too_many_lock_the_tpm() {
    let device = TestDevice::enrolled(|_| EnrollOptions::default().pin(b"2580"));
    let sealed = seal(&device.device.recipient());
    let open = |pin: &[u8]| crate::support::open(&sealed.path, &device.identity().with_pin(pin));
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::PinMissing);
    open(b"2580").unwrap();
    for _ in 0..device.tpm().status().unwrap().failures_limit {
        assert_refused!(open(b"2581"), NoKeyFits, TpmError::WrongPin);
    }
    assert_refused!(open(b"2580"), Environment, TpmError::Lockout);
    assert!(device.tpm().status().unwrap().is_locked);
    device.swtpm.tool("tpm2_dictionarylockout", &["--clear-lockout"]);
    open(b"2580").unwrap();
}

#[test]
fn a_wrong_pin_is_tried_once_however_many_stanzas_there_are() {
    let device = TestDevice::enrolled(|_| EnrollOptions::default().pin(b"2580"));
    let recipient = device.device.recipient();
    let sealed = seal(&recipient);
    let again =
        RekeyOptions::new().trust(Trust::AnySender).add_recipient(&recipient).add_recipient(&recipient);
    again.rekey(&sealed.path, &[&device.identity().with_pin(b"2580")]).unwrap();
    let before = device.tpm().status().unwrap().failures;
    let wrong = device.identity().with_pin(b"2581");
    for _ in 0..2 {
        assert_refused!(crate::support::open(&sealed.path, &wrong), NoKeyFits, TpmError::WrongPin);
    }
    assert_eq!(device.tpm().status().unwrap().failures, before + 1);
}

#[test]
fn a_post_quantum_key_is_mixed_with_a_devices_only_if_allowed() {
    let device = TestDevice::new();
    let sealed = seal(&device.device.recipient());
    let quantum = PublicKeyIdentity::generate().unwrap().recipient();
    let rekey = |is_mixed| {
        let options =
            RekeyOptions::new().trust(Trust::AnySender).add_recipient(&quantum).allow_mixed(is_mixed);
        options.rekey(&sealed.path, &[&device.identity()])
    };
    assert!(matches!(rekey(false), Err(RekeyError::MixedRecipients)));
    rekey(true).unwrap();
    // After that, the container can be rekeyed without that option.
    rekey(false).unwrap();
}

#[test]
fn all_requirements_hold_together() {
    let key = ApproverKey::generate().unwrap();
    let policy = DevicePolicy::default().approved(list("16"), key.approver());
    let device = TestDevice::enrolled(|_| EnrollOptions::new(policy).pin(b"2580"));
    device.approve("16", &key, "a.approval");
    let sealed = seal(&device.device.recipient());
    let open = |pin: &[u8]| crate::support::open(&sealed.path, &device.identity().with_pin(pin));
    open(b"2580").unwrap();
    assert_refused!(open(b"0000"), NoKeyFits, TpmError::WrongPin);
    device.swtpm.extend(16);
    assert_refused!(open(b"2580"), NoKeyFits, TpmError::NotApproved { .. });
}

#[test]
fn the_owners_storage_key_is_used_if_there_is_one() {
    let swtpm = ovseal_testkit::Swtpm::start();
    swtpm.tool("tpm2_createprimary", &["-Q", "-C", "o", "-G", "rsa2048", "-c", "srk.ctx"]);
    swtpm.tool("tpm2_evictcontrol", &["-Q", "-C", "o", "-c", "srk.ctx", "0x81000001"]);
    swtpm.tool("tpm2_flushcontext", &["-t"]);
    let directory = tempfile::tempdir().unwrap();
    let device = EnrollOptions::default().enroll(&crate::support::tpm(&swtpm), directory.path()).unwrap();
    let device = TestDevice { swtpm, directory, device };
    let sealed = seal(&device.device.recipient());
    device.open(&sealed.path).unwrap();
    device.swtpm.tool("tpm2_evictcontrol", &["-Q", "-C", "o", "-c", "0x81000001"]);
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::AnotherTpm);
}

#[test]
fn pipes_in_the_devices_directory_do_not_block() {
    let device = TestDevice::approved("16", &ApproverKey::generate().unwrap());
    let pipe = |name: &str| {
        let path = device.directory.path().join(name);
        std::fs::remove_file(&path).ok();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    };
    pipe("a.approval");
    assert!(device.device.approvals().unwrap().is_empty());
    pipe("tpm2-device");
    let error = Device::load(device.directory.path()).unwrap_err();
    assert!(matches!(error, DeviceError::Read { .. }), "{error}");
}
