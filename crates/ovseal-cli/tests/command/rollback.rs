//! Rollback states that are tied to the device's TPM.

use std::process::{Child, Stdio};

use crate::device::{Device, publishers_bench, seal};
use crate::support::Bench;

/// A device with a rollback state, and its model in two versions.
fn device() -> (Bench, Device) {
    let (bench, device) = (publishers_bench(), Device::new("d"));
    let recipient = device.enroll(&bench, "");
    for version in [1, 2] {
        seal(&bench, &format!("{version}.ovseal"), &recipient, &format!("--security-version {version}"));
    }
    let made = bench.done(&format!("rollback-state -o state --tpm {}", device.options()));
    assert_eq!(made.stderr, "ovseal: wrote the empty rollback state state, tied to this device's TPM\n");
    (bench, device)
}

/// Runs a version. Returns the exit code, and the error with its hint.
fn run(bench: &Bench, device: &Device, version: u8, options: &str) -> (Option<i32>, Vec<String>) {
    let line = format!(
        "run {version}.ovseal --publisher acme.pub --rollback-state state {options} {}",
        device.options()
    );
    let outcome = bench.run(&line);
    let told = outcome.stderr.lines().filter(|line| !line.starts_with("ovseal: warning:"));
    (outcome.code, told.map(str::to_owned).collect())
}

fn generation(bench: &Bench) -> u64 {
    let text = String::from_utf8(bench.read("state")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("generation ")).unwrap().parse().unwrap()
}

const TPM: &str = "--rollback-tpm";

#[test]
fn an_older_version_is_denied_also_with_the_state_of_yesterday() {
    let (bench, device) = device();
    assert_eq!(run(&bench, &device, 1, TPM).0, Some(0));
    let yesterday = bench.read("state");
    assert_eq!(run(&bench, &device, 1, TPM).0, Some(0));
    assert_eq!(bench.read("state"), yesterday, "a start that raises nothing writes nothing");
    assert_eq!(run(&bench, &device, 2, TPM).0, Some(0));
    let (code, told) = run(&bench, &device, 1, TPM);
    assert_eq!((code, &*told[0]), (Some(5), "ovseal: error: 1.ovseal: security version 1 is below 2"));
    let today = bench.read("state");
    bench.write("state", &yesterday);
    for version in [1, 2] {
        let (code, told) = run(&bench, &device, version, TPM);
        assert_eq!(code, Some(5));
        assert!(told[0].starts_with("ovseal: error: the rollback state "), "{told:?}");
        assert!(told[0].contains(" is outdated: its generation is "), "{told:?}");
        assert!(
            told[1]
                .starts_with("ovseal: hint: if you are sure that no older state was restored, move FILE away, create a new one"),
            "{told:?}"
        );
    }
    bench.write("state", &today);
    assert_eq!(run(&bench, &device, 2, TPM).0, Some(0));
}

#[test]
fn whether_the_tpm_is_asked_is_said_by_the_caller() {
    let (bench, device) = device();
    let (code, told) = run(&bench, &device, 1, "");
    assert_eq!((code, told.len()), (Some(5), 2));
    assert_eq!(told[1], "ovseal: hint: check it against this device's TPM with --rollback-tpm");
    std::fs::remove_file(bench.path("state")).unwrap();
    for (options, hint) in [(TPM, "rollback-state --tpm -o FILE"), ("", "rollback-state -o FILE")] {
        let (code, told) = run(&bench, &device, 1, options);
        assert_eq!(code, Some(5));
        let hint = format!("ovseal: hint: if this device is new, create the state once: ovseal {hint}");
        assert_eq!(told[1], hint);
    }
    bench.done("rollback-state -o state");
    let (code, told) = run(&bench, &device, 1, TPM);
    assert_eq!(code, Some(5));
    assert!(told[0].ends_with("/state is not tied to a counter"), "{told:?}");
    let again = bench.run(&format!("rollback-state -o state --tpm {}", device.options()));
    assert_eq!(again.code, Some(2));
    assert_eq!(bench.run("run 1.ovseal --publisher acme.pub --rollback-tpm").code, Some(2));
}

#[test]
fn options_of_the_tpm_are_refused_for_a_state_that_is_not_tied_to_it() {
    let bench = Bench::new();
    for option in ["--tcti device:/dev/tpmrm0", "--state d", "--tpm-pin-file key"] {
        let refused = bench.run(&format!("rollback-state -o state {option}"));
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("--tpm"), "{refused:?}");
        assert!(!bench.exists("state"));
    }
}

#[test]
fn a_state_in_a_directory_that_is_missing_takes_no_room_in_the_tpm() {
    let (bench, device) = device();
    let counters = || device.swtpm.tool("tpm2_getcap", &["handles-nv-index"]);
    let before = counters();
    let refused = bench.run(&format!("rollback-state -o none/state --tpm {}", device.options()));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.stderr.lines().last(), Some("ovseal: hint: create the directory first"));
    assert_eq!(counters(), before);
}

#[test]
fn a_tpm_that_is_absent_or_was_cleared_has_its_own_error() {
    let (bench, device) = device();
    // This uses a different key, so that only the state needs the missing TPM.
    bench.done(
        "seal models/conv/model.xml -o 3.ovseal --keyfile key --publisher-key acme.key --security-version 3",
    );
    let options = format!("{TPM} --keyfile key");
    device.swtpm.cut_power();
    let (code, told) = run(&bench, &device, 3, &options);
    assert_eq!(code, Some(1), "{told:?}");
    assert!(
        told[0].contains("cannot be checked: its counter cannot be reached: there is no TPM at"),
        "{told:?}"
    );
    device.swtpm.power_on();
    assert_eq!(run(&bench, &device, 3, &options).0, Some(0));
    device.swtpm.tool("tpm2_clear", &["-c", "p"]);
    let (code, told) = run(&bench, &device, 3, &options);
    assert_eq!(code, Some(5));
    assert!(told[0].ends_with("the device was enrolled with another TPM, or this TPM was cleared"));
    assert!(told[1].contains("back up DIR, move it away, and enroll again"), "{told:?}");
    // Following the hint helps.
    for moved in ["d", "state"] {
        std::fs::rename(bench.path(moved), bench.path(&format!("{moved}.old"))).unwrap();
    }
    device.enroll(&bench, "");
    bench.done(&format!("rollback-state -o state --tpm {}", device.options()));
    assert_eq!(run(&bench, &device, 3, &format!("{options} --min-security-version 3")).0, Some(0));
}

#[test]
fn a_state_whose_anchor_is_damaged_or_of_another_enrolment_is_replaced_alone() {
    let (bench, device) = device();
    let text = String::from_utf8(bench.read("state")).unwrap();
    let anchor = text.lines().find(|line| line.starts_with("anchor ")).unwrap().to_owned();
    bench.write("state", text.replace(&anchor, "anchor 0100").as_bytes());
    let (code, told) = run(&bench, &device, 1, TPM);
    assert_eq!(code, Some(5), "{told:?}");
    assert!(told[1].starts_with(
        "ovseal: hint: if you are sure that no older state was restored, move FILE away, create a new one"
    ));

    bench.write("state", text.as_bytes());
    std::fs::rename(bench.path("d"), bench.path("d.old")).unwrap();
    let recipient = device.enroll(&bench, "");
    seal(&bench, "4.ovseal", &recipient, "--security-version 4");
    let (code, told) = run(&bench, &device, 4, TPM);
    assert_eq!(code, Some(5), "{told:?}");
    assert!(
        told[0].contains("anchor record is damaged, or belongs to another enrolment of this device"),
        "{told:?}"
    );
    assert!(told[1].contains("move FILE away, create a new one") && !told[1].contains("enroll"), "{told:?}");
}

#[test]
fn runs_at_the_same_time_raise_the_state_once_and_wait_for_one_another() {
    let (bench, device) = device();
    // This uses a key file: without a resource manager, only the state's lock separates the
    // commands of several processes.
    let seal = "seal models/conv/model.xml -o 2k.ovseal --keyfile key --publisher-key acme.key";
    bench.done(&format!("{seal} --name net --security-version 2"));
    let line = format!(
        "run 2k.ovseal --keyfile key --publisher acme.pub --rollback-state state {TPM} {}",
        device.options()
    );
    let begin = generation(&bench);
    let start = |_| bench.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let runs: Vec<Child> = (0..4).map(start).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(generation(&bench), begin + 1);
    assert_eq!(run(&bench, &device, 1, TPM).0, Some(5));
}

#[test]
fn a_pin_is_read_once_for_key_and_state() {
    let (bench, device) = (publishers_bench(), Device::new("d"));
    bench.write("pin", b"2580\n");
    let recipient = device.enroll(&bench, "--tpm-pin-file pin");
    seal(&bench, "1.ovseal", &recipient, "--security-version 1");
    bench.done(&format!("rollback-state -o state --tpm --tpm-pin-file pin {}", device.options()));
    let line = format!(
        "run 1.ovseal --publisher acme.pub --rollback-state state {TPM} --tpm-pin-file - {}",
        device.options()
    );
    let run = bench.run_with(&line, b"2580\n");
    assert_eq!(run.code, Some(0), "{run:?}");
}
