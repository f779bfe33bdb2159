//! The C interface, used by programs in C.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{C, model, sealed, succeed};
use ovseal_hardware::tpm2::{EnrollOptions, Tpm};
use ovseal_testkit::Swtpm;

#[test]
fn the_tour_of_the_c_interface_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let program = C.sanitized("c/tour.c", directory.path());
    succeed(Command::new(program).arg(model("conv/model.xml")).arg(directory.path()));
}

#[test]
fn options_of_other_versions_are_understood_or_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let program = C.sanitized("c/options.c", directory.path());
    let container = sealed("conv/model.xml", directory.path());
    let cache = directory.path().join("cache");
    succeed(Command::new(program).arg(model("conv/model.xml")).arg(container).arg(cache));
}

#[test]
fn a_device_opens_with_the_key_in_its_tpm() {
    let (swtpm, directory) = (Swtpm::start(), tempfile::tempdir().unwrap());
    let tpm = Tpm::new(&swtpm.tcti(), Duration::from_secs(120)).unwrap();
    let device = EnrollOptions::default().enroll(&tpm, directory.path()).unwrap();
    let program = C.sanitized("c/device.c", directory.path());
    let mut command = Command::new(program);
    command.arg(model("conv/model.bin")).arg(directory.path());
    succeed(command.arg(swtpm.tcti()).arg(device.recipient().to_string()));
}

#[test]
fn the_sanitizer_reports_a_leak() {
    let directory = tempfile::tempdir().unwrap();
    let program = C.sanitized("c/leak.c", directory.path());
    let output = common::run(&mut Command::new(program));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("LeakSanitizer: detected memory leaks"), "{stderr}");
}

#[test]
fn ten_thousand_openings_leave_memory_flat() {
    let directory = tempfile::tempdir().unwrap();
    let program = C.optimized("c/cycles.c", directory.path());
    succeed(Command::new(program).arg(sealed("conv/model.xml", directory.path())).arg("10000"));
}
