//! Absent, busy, full, cleared and lost TPMs, and tampered stanzas.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use ovseal::ErrorKind;
use ovseal_hardware::tpm2::{DEADLINE, Device, DeviceError, DeviceIdentity, EnrollOptions, Tpm, TpmError};

use crate::support::{Tampered, TestDevice, assert_refused, open, seal};

#[test]
fn without_a_tpm_nothing_opens() {
    let device = TestDevice::new();
    let sealed = seal(&device.device.recipient());
    device.swtpm.cut_power();
    assert_refused!(device.open(&sealed.path), Environment, TpmError::Connect { .. });
    let tpm = Tpm::new("device:/no/such/tpm", Duration::from_secs(20)).unwrap();
    let identity = DeviceIdentity::new(Device::load(device.directory.path()).unwrap(), tpm);
    assert_refused!(open(&sealed.path, &identity), Environment, TpmError::Connect { .. });
}

#[test]
fn a_busy_tpm_is_abandoned_at_the_deadline() {
    let device = TestDevice::new();
    let sealed = seal(&device.device.recipient());
    // The TPM serves one client at a time. This client stays connected and sends nothing.
    let busy = UnixStream::connect(device.swtpm.socket()).unwrap();
    let hurried = Tpm::new(&device.swtpm.tcti(), Duration::from_millis(500)).unwrap();
    let identity = DeviceIdentity::new(Device::load(device.directory.path()).unwrap(), hurried);
    let begin = Instant::now();
    assert_refused!(open(&sealed.path, &identity), Environment, TpmError::Deadline(_));
    assert!(begin.elapsed() < DEADLINE, "the deadline is that of the caller");
    drop(busy);
    // The abandoned command is executed now, before others.
    let patience = Instant::now() + 6 * DEADLINE;
    while device.open(&sealed.path).is_err() {
        assert!(Instant::now() < patience);
    }
}

/// A started command may be executed late. A command still in the queue is not.
#[test]
fn a_job_abandoned_in_the_queue_does_not_start() {
    let device = TestDevice::new();
    let before = device.device.epoch(&device.tpm()).unwrap();
    let busy = UnixStream::connect(device.swtpm.socket()).unwrap();
    let hurried = Tpm::new(&device.swtpm.tcti(), Duration::from_secs(1)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let given_up = device.device.advance_epoch(&hurried);
                assert!(matches!(given_up, Err(TpmError::Deadline(_))), "{given_up:?}");
            });
        }
    });
    drop(busy);
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(200));
        let after = device.device.epoch(&device.tpm()).unwrap();
        assert!((before..=before + 1).contains(&after), "{before}, then {after}");
    }
}

#[test]
fn a_lost_tpm_is_reported_and_used_again_when_it_is_back() {
    let device = TestDevice::new();
    let sealed = seal(&device.device.recipient());
    let identity = device.identity();
    open(&sealed.path, &identity).unwrap();
    device.swtpm.cut_power();
    assert_refused!(open(&sealed.path, &identity), Environment, TpmError::Gone { .. });
    device.swtpm.power_on();
    open(&sealed.path, &identity).unwrap();
}

#[test]
fn a_full_tpm_is_reported() {
    let device = TestDevice::new();
    let sealed = seal(&device.device.recipient());
    for _ in 0..3 {
        device.swtpm.tool("tpm2_createprimary", &["-Q", "-C", "n", "-c", "x.ctx"]);
    }
    assert_refused!(device.open(&sealed.path), Environment, TpmError::NoRoom { .. });
    device.swtpm.tool("tpm2_flushcontext", &["-t"]);
    device.open(&sealed.path).unwrap();
}

#[test]
fn a_hundred_openings_leave_nothing_in_the_tpm() {
    let device = TestDevice::with_pcr("16");
    let sealed = seal(&device.device.recipient());
    let identity = device.identity();
    for _ in 0..100 {
        open(&sealed.path, &identity).unwrap();
    }
    drop(identity);
    for kind in ["handles-transient", "handles-loaded-session"] {
        assert_eq!(device.swtpm.tool("tpm2_getcap", &[kind]).trim(), "");
    }
}

#[test]
fn a_cleared_tpm_counts_as_another_one() {
    let device = TestDevice::new();
    let sealed = seal(&device.device.recipient());
    device.swtpm.tool("tpm2_clear", &["-c", "p"]);
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::AnotherTpm);
}

#[test]
fn a_copied_disk_opens_nothing_on_another_machine() {
    let (device, other) = (TestDevice::with_pcr("7"), TestDevice::new());
    let sealed = seal(&device.device.recipient());
    let identity = DeviceIdentity::new(Device::load(device.directory.path()).unwrap(), other.tpm());
    assert_refused!(open(&sealed.path, &identity), NoKeyFits, TpmError::AnotherTpm);
}

/// Even root cannot write to the directory of this test.
#[test]
fn a_directory_that_cannot_be_written_costs_no_counter() {
    let device = TestDevice::new();
    let counters = || device.swtpm.tool("tpm2_getcap", &["handles-nv-index"]);
    let before = counters();
    let refused = EnrollOptions::default().enroll(&device.tpm(), Path::new("/proc/self/fdinfo")).unwrap_err();
    assert!(matches!(refused, DeviceError::Write { .. }), "{refused:?}");
    assert_eq!(counters(), before);
}

#[test]
fn a_device_is_enrolled_once() {
    let device = TestDevice::new();
    let again = EnrollOptions::default().enroll(&device.tpm(), device.directory.path()).unwrap_err();
    assert!(matches!(again, DeviceError::Enrolled { .. }), "{again:?}");
    let elsewhere = tempfile::tempdir().unwrap();
    let second = EnrollOptions::default().enroll(&device.tpm(), elsewhere.path()).unwrap();
    assert_ne!(second.id(), device.device.id());
    let missing = Device::load(&elsewhere.path().join("none")).unwrap_err();
    assert!(matches!(missing, DeviceError::NotEnrolled { .. }), "{missing:?}");
}

#[test]
fn damage_anywhere_in_the_device_file_is_detected() {
    let device = TestDevice::with_pcr("16");
    let file = device.directory.path().join("tpm2-device");
    let good = std::fs::read(&file).unwrap();
    let sealed = seal(&device.device.recipient());
    for position in 0..good.len() {
        let mut flipped = good.clone();
        flipped[position] ^= 0x20;
        std::fs::write(&file, &flipped).unwrap();
        match Device::load(device.directory.path()) {
            Err(DeviceError::Damaged { .. }) => {}
            // Only the TPM can detect the rest.
            Ok(_) if position % 8 == 0 => assert!(device.open(&sealed.path).is_err(), "{position}"),
            Ok(_) => {}
            Err(error) => panic!("{position}: {error:?}"),
        }
        std::fs::write(&file, &good[..position]).unwrap();
        assert!(matches!(Device::load(device.directory.path()), Err(DeviceError::Damaged { .. })));
    }
    std::fs::write(&file, &good).unwrap();
    device.open(&sealed.path).unwrap();
}

#[test]
fn a_stanza_tampered_with_anywhere_opens_nothing() {
    let device = TestDevice::new();
    let recipient = device.device.recipient();
    let identity = device.identity();
    // Salt, version, device, counter and bounds, then the wrapped share: unique, point, MAC,
    // ciphertext.
    let positions = [0, 32, 33, 65, 69, 70, 101, 102, 133, 134, 165, 166, 168, 170, 199, 202, 240];
    for position in positions {
        let sealed = seal(&Tampered(&recipient, position));
        let error = open(&sealed.path, &identity).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoKeyFits, "{position}: {error:?}");
    }
    open(&seal(&recipient).path, &identity).unwrap();
}
