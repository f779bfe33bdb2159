//! Bounds of one stanza that the TPM enforces.

use ovseal_hardware::tpm2::{Bounds, TpmError};

use crate::support::{TestDevice, assert_refused, list, seal_within};

#[test]
fn all_bounds_of_a_stanza_hold_together() {
    let device = TestDevice::new();
    let tpm = device.tpm();
    let values = tpm.pcr_values(&list("0,16")).unwrap();
    let (epoch, clock) = (device.device.epoch(&tpm).unwrap(), tpm.clock().unwrap());
    drop(tpm);
    let bounds = Bounds::default().pcr(values).epoch_at_most(epoch).clock_below(clock + 3_600_000);
    let sealed = seal_within(&device, bounds);
    device.open(&sealed.path).unwrap();
    device.swtpm.extend(16);
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::PcrChanged(pcrs) if pcrs == &[16]);
}

#[test]
fn a_stanza_of_an_earlier_epoch_is_rejected_forever() {
    let device = TestDevice::new();
    let epoch = device.device.epoch(&device.tpm()).unwrap();
    let (now, next) = (
        seal_within(&device, Bounds::default().epoch_at_most(epoch)),
        seal_within(&device, Bounds::default().epoch_at_most(epoch + 1)),
    );
    device.open(&now.path).unwrap();
    assert_eq!(device.device.advance_epoch(&device.tpm()).unwrap(), epoch + 1);
    assert_refused!(device.open(&now.path), NoKeyFits, TpmError::Epoch { limit } if *limit == epoch);
    device.open(&next.path).unwrap();
    device.swtpm.power_cycle();
    assert_refused!(device.open(&now.path), NoKeyFits, TpmError::Epoch { .. });
}

#[test]
fn a_counter_that_was_removed_and_defined_again_does_not_restart_an_earlier_epoch() {
    let device = TestDevice::new();
    let epoch = device.device.epoch(&device.tpm()).unwrap();
    let sealed = seal_within(&device, Bounds::default().epoch_at_most(epoch));
    let index = "0x01806f76";
    device.swtpm.tool("tpm2_nvundefine", &[index, "-C", "o"]);
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::NoCounter(0x0180_6f76));
    let attributes = "ownerread|authread|authwrite|no_da";
    device.swtpm.tool("tpm2_nvdefine", &[index, "-C", "o", "-s", "8", "-a", attributes]);
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::NoCounter(_));
    device.swtpm.tool("tpm2_nvundefine", &[index, "-C", "o"]);
    let counter = format!("nt=counter|{attributes}");
    device.swtpm.tool("tpm2_nvdefine", &[index, "-C", "o", "-s", "8", "-a", &counter]);
    device.swtpm.tool("tpm2_nvincrement", &[index, "-C", index]);
    assert_refused!(device.open(&sealed.path), NoKeyFits, TpmError::Epoch { .. });
}

#[test]
fn a_stanza_is_rejected_after_its_time() {
    let device = TestDevice::new();
    let clock = device.tpm().clock().unwrap();
    let long = seal_within(&device, Bounds::default().clock_below(clock + 3_600_000));
    device.open(&long.path).unwrap();
    let limit = clock + 1_800_000;
    let short = seal_within(&device, Bounds::default().clock_below(limit));
    device.open(&short.path).unwrap();
    device.swtpm.set_clock(limit);
    assert_refused!(device.open(&short.path), NoKeyFits, TpmError::Clock { limit: found } if *found == limit);
    device.open(&long.path).unwrap();
}

#[test]
fn a_wrong_bound_in_the_stanza_does_not_help() {
    let device = TestDevice::new();
    let epoch = device.device.epoch(&device.tpm()).unwrap();
    let sealed = seal_within(&device, Bounds::default().epoch_at_most(epoch));
    device.device.advance_epoch(&device.tpm()).unwrap();
    let mut bytes = std::fs::read(&sealed.path).unwrap();
    let flags = [&[2][..], &epoch.to_be_bytes()].concat();
    let place = bytes.windows(9).position(|window| window == flags).unwrap();
    bytes[place + 8] = bytes[place + 8].wrapping_add(1);
    std::fs::write(&sealed.path, &bytes).unwrap();
    // The region's checksum reveals the change. With a correct one, the TPM would reject the
    // import.
    assert!(device.open(&sealed.path).is_err());
}
