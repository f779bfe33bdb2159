//! The time that the TPM adds to an opening.

use std::time::{Duration, Instant};

use ovseal_hardware::tpm2::Bounds;

use crate::support::{TestDevice, list, seal_within};

/// Includes connecting, both policies, import and unsealing. Prints the times without judging them,
/// because other tests run at the same time.
#[test]
fn thirty_openings_with_all_bounds_succeed_and_print_their_times() {
    let device = TestDevice::with_pcr("0,7,16");
    let values = device.tpm().pcr_values(&list("0,7,16")).unwrap();
    let epoch = device.device.epoch(&device.tpm()).unwrap();
    let sealed = seal_within(&device, Bounds::default().pcr(values).epoch_at_most(epoch));
    let mut times: Vec<Duration> = (0..30)
        .map(|_| {
            let begin = Instant::now();
            device.open(&sealed.path).unwrap();
            begin.elapsed()
        })
        .collect();
    times.sort();
    println!("an opening with the TPM: fastest {:?}, median {:?}", times[0], times[15]);
}
