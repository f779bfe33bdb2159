//! Power losses.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ovseal::ErrorKind;
use ovseal_hardware::tpm2::TpmError;

use crate::support::{TestDevice, copy_while_off, reason, seal};

/// Cuts the TPM's power while it works. Each time, the device opens its container afterwards.
#[test]
fn fifty_power_losses_at_random_points_lock_nothing_and_lose_nothing() {
    let device = TestDevice::with_pcr("16");
    let sealed = seal(&device.device.recipient());
    for round in 0..50 {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let Err(error) = device.open(&sealed.path) else { continue };
                    assert_eq!(error.kind(), ErrorKind::Environment, "{error:?}");
                }
            });
            thread::sleep(Duration::from_millis(5 + (round * 37) % 90));
            device.swtpm.cut_power();
            stop.store(true, Ordering::Relaxed);
        });
        device.swtpm.power_on();
        device.open(&sealed.path).unwrap();
    }
    assert_eq!(device.tpm().status().unwrap().failures, 0);
}

/// Dictionary-attack protection has a price: an unclean power-off after the use of a PIN counts as
/// a wrong PIN.
#[test]
fn a_pin_is_the_only_thing_that_power_losses_lock() {
    let device = TestDevice::enrolled(|_| ovseal_hardware::tpm2::EnrollOptions::default().pin(b"2580"));
    let sealed = seal(&device.device.recipient());
    let open = || crate::support::open(&sealed.path, &device.identity().with_pin(b"2580"));
    open().unwrap();
    device.swtpm.power_cycle();
    assert_eq!(device.tpm().status().unwrap().failures, 1);
    for _ in 0..2 {
        open().unwrap();
        device.swtpm.power_cycle();
    }
    let (error, kind) = reason(open());
    assert!(matches!(error, TpmError::Lockout), "{error:?}");
    assert_eq!(kind, ErrorKind::Environment);
    device.swtpm.tool("tpm2_dictionarylockout", &["--clear-lockout"]);
    open().unwrap();
}

/// The host of a virtual TPM can restore an older state with its counters. The TPM does not show
/// it.
#[test]
fn an_older_state_of_a_virtual_tpm_restores_an_earlier_epoch() {
    let device = TestDevice::new();
    let epoch = device.device.epoch(&device.tpm()).unwrap();
    let (swtpm, copy) = (&device.swtpm, tempfile::tempdir().unwrap());
    copy_while_off(swtpm, &swtpm.state(), copy.path());
    assert_eq!(device.device.advance_epoch(&device.tpm()).unwrap(), epoch + 1);
    copy_while_off(swtpm, copy.path(), &swtpm.state());
    assert_eq!(device.device.epoch(&device.tpm()).unwrap(), epoch);
}
