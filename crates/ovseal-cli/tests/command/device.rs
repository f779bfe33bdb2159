//! Devices: a publisher without a TPM, two devices with theirs, and OpenVINO.

use ovseal_testkit::Swtpm;
use serde_json::Value;

use crate::support::Bench;

/// A device: its TPM, and the directory of its files.
pub(super) struct Device {
    pub(super) swtpm: Swtpm,
    folder: &'static str,
}

impl Device {
    pub(super) fn new(folder: &'static str) -> Self {
        Self { swtpm: Swtpm::start(), folder }
    }

    /// Returns the options that specify the device.
    pub(super) fn options(&self) -> String {
        format!("--tcti {} --state {}", self.swtpm.tcti(), self.folder)
    }

    pub(super) fn enroll(&self, bench: &Bench, options: &str) -> String {
        let enrolled = bench.done(&format!("device enroll {} {options}", self.options()));
        assert!(enrolled.stdout.starts_with("ovdev1"));
        enrolled.stdout.trim().to_owned()
    }

    pub(super) fn status(&self, bench: &Bench) -> Value {
        bench.json(&format!("device status {} --pcr 16", self.options()))
    }

    /// Runs a container; returns the first line on stderr that is not a warning.
    fn run(&self, bench: &Bench, container: &str) -> (Option<i32>, String) {
        let outcome = bench.run(&format!("run {container} --publisher acme.pub {}", self.options()));
        let error =
            outcome.stderr.lines().find(|line| line.starts_with("ovseal: error:")).unwrap_or_default();
        (outcome.code, error.to_owned())
    }
}

/// Creates a directory with the keys of a publisher and an approver, and the set-up's models.
pub(super) fn publishers_bench() -> Bench {
    let bench = Bench::with_models();
    bench.done("keygen --publisher -o acme");
    bench.done("keygen --approver -o approver");
    bench
}

pub(super) fn seal(bench: &Bench, container: &str, recipient: &str, options: &str) {
    let model = "models/conv/model.xml";
    bench.done(&format!(
        "seal {model} -o {container} -r {recipient} --publisher-key acme.key --name net {options}"
    ));
}

#[test]
fn a_model_runs_on_its_device_in_an_approved_state_within_its_time_and_nowhere_else() {
    let bench = publishers_bench();
    let (a, b) = (Device::new("a"), Device::new("b"));
    let recipient = a.enroll(&bench, "--pcr 16 --approver approver.pub");
    b.enroll(&bench, "");
    // The publisher's machine has no TPM.
    seal(&bench, "net.ovseal", &recipient, "");
    let refused = a.run(&bench, "net.ovseal");
    assert_eq!(refused.0, Some(4), "{refused:?}");
    bench.done(&format!(
        "device approve --publisher-key approver.key --pcr 16 -o a/1.approval {}",
        a.options()
    ));
    assert_eq!(a.run(&bench, "net.ovseal").0, Some(0));
    let elsewhere = b.run(&bench, "net.ovseal");
    assert_eq!(elsewhere.0, Some(4));
    assert!(
        elsewhere.1.ends_with("the container is neither bound to this device nor sealed to its recipient")
    );

    a.swtpm.extend(16);
    let changed = a.run(&bench, "net.ovseal");
    assert_eq!(changed.0, Some(4));
    assert!(changed.1.ends_with("the closest of 1 approvals differs in PCR 16"), "{changed:?}");
    // The approver has no TPM either: the device sends its state.
    let state = a.status(&bench)["state"].as_str().unwrap().to_owned();
    bench.done(&format!("device approve --publisher-key approver.key --pcr {state} -o a/2.approval"));
    assert_eq!(a.run(&bench, "net.ovseal").0, Some(0));

    let status = a.status(&bench);
    let (epoch, clock) = (status["epoch"].as_u64().unwrap(), status["clock_ms"].as_u64().unwrap());
    seal(&bench, "epoch.ovseal", &recipient, &format!("--until-epoch {epoch}"));
    seal(&bench, "short.ovseal", &recipient, &format!("--until-clock {}", clock + 3_600_000));
    assert_eq!(a.run(&bench, "epoch.ovseal").0, Some(0));
    assert_eq!(a.run(&bench, "short.ovseal").0, Some(0));
    bench.done(&format!("device next-epoch {}", a.options()));
    let past = a.run(&bench, "epoch.ovseal");
    assert_eq!(past.0, Some(4));
    assert!(past.1.contains(&format!("valid up to epoch {epoch}")), "{past:?}");
    a.swtpm.set_clock(clock + 3_600_000);
    let late = a.run(&bench, "short.ovseal");
    assert_eq!(late.0, Some(4));
    assert!(late.1.contains("the stanza expired when"), "{late:?}");
    assert_eq!(a.run(&bench, "net.ovseal").0, Some(0));
}

#[test]
fn a_bound_container_opens_with_the_tpm_and_its_other_stanzas_are_reported() {
    let (bench, device) = (Bench::sealed(), Device::new("d"));
    device.enroll(&bench, "");
    let id = device.status(&bench)["device"].as_str().unwrap()[..16].to_owned();
    let bound =
        bench.done(&format!("bind net.ovseal --any-sender --keyfile key --pcr 16 {}", device.options()));
    let note = format!("ovseal: bound to device {id}");
    let warning = "ovseal: warning: stanza 1 (keyfile) opens without this TPM: it needs the key file";
    let added = format!("ovseal: added: tpm2, which needs the TPM of device {id}, PCR 16 unchanged");
    assert_eq!(bound.stderr.lines().collect::<Vec<_>>(), [&added, &note, warning]);
    bench.done(&format!("inspect net.ovseal --tpm {}", device.options()));
    let shown = bench.done("inspect net.ovseal").stdout;
    let line = format!("  2   tpm2        not post-quantum; the TPM of device {id}, PCR 16 unchanged");
    assert!(shown.lines().any(|shown| shown == line), "{shown}");
    device.swtpm.extend(16);
    let refused = bench.run(&format!("inspect net.ovseal --tpm {}", device.options()));
    let error = "ovseal: error: net.ovseal: the hardware refused to use the identity: the device's measured \
                 state has changed: PCR 16";
    assert_eq!((refused.code, refused.stderr.lines().next()), (Some(4), Some(error)));
}

#[test]
fn the_distribution_stanza_is_dropped_only_when_another_is_left() {
    let (bench, device) = (Bench::sealed(), Device::new("d"));
    device.enroll(&bench, "");
    let bind = format!("bind net.ovseal --any-sender --keyfile key --drop-distribution {}", device.options());
    let before = bench.read("net.ovseal");
    let refused = bench.run(&bind);
    let error = "ovseal: error: only this device's stanzas would be left";
    assert_eq!((refused.code, refused.stderr.lines().next()), (Some(2), Some(error)));
    assert_eq!(bench.read("net.ovseal"), before);
    bench.write("recovery", &[0x17; 32]);
    bench.done("rekey net.ovseal --keyfile key --add-keyfile recovery");
    bench.done(&bind);
    assert_eq!(bench.run("inspect net.ovseal --keyfile key").code, Some(4));
    bench.done("inspect net.ovseal --keyfile recovery");
    bench.done(&format!("inspect net.ovseal --tpm {}", device.options()));
    let forced = format!(
        "bind net.ovseal --any-sender --keyfile recovery --drop-distribution --force {}",
        device.options()
    );
    assert!(bench.done(&forced).stderr.lines().all(|line| !line.contains("opens without")));
}

#[test]
fn a_side_file_binds_a_container_that_is_not_touched_and_helps_no_other_device() {
    let (bench, device, other) = (Bench::sealed(), Device::new("d"), Device::new("o"));
    device.enroll(&bench, "");
    other.enroll(&bench, "");
    let before = bench.read("net.ovseal");
    bench.done(&format!("bind net.ovseal --keyfile key --side-file {}", device.options()));
    assert_eq!(bench.read("net.ovseal"), before);
    bench.done(&format!("inspect net.ovseal --tpm {}", device.options()));
    let copied = bench.run(&format!("inspect net.ovseal --tpm {}", other.options()));
    assert_eq!(copied.code, Some(4));
}

#[test]
fn a_pin_is_taken_from_a_file_and_a_wrong_one_is_refused() {
    let (bench, device) = (Bench::new(), Device::new("d"));
    bench.write("pin", b"2580\n");
    bench.write("wrong", b"2581\n");
    let recipient = device.enroll(&bench, "--tpm-pin-file pin");
    bench.done(&format!("seal net.xml -o net.ovseal -r {recipient}"));
    let inspect = format!("inspect net.ovseal --tpm {}", device.options());
    bench.done(&format!("{inspect} --tpm-pin-file pin"));
    let refusal = |options: &str| {
        let refused = bench.run(&format!("{inspect} {options}"));
        (refused.code, refused.stderr.lines().next().unwrap().to_owned())
    };
    let prefix = "ovseal: error: net.ovseal: the hardware refused to use the identity:";
    assert_eq!(refusal("--tpm-pin-file wrong"), (Some(4), format!("{prefix} the PIN is wrong")));
    assert_eq!(refusal(""), (Some(4), format!("{prefix} the device's key needs its PIN")));
}

#[test]
fn wrong_pins_up_to_the_lock_have_their_errors_and_exit_codes() {
    let (bench, device) = (Bench::new(), Device::new("d"));
    bench.write("pin", b"2580\n");
    bench.write("wrong", b"2581\n");
    let recipient = device.enroll(&bench, "--tpm-pin-file pin");
    bench.done(&format!("seal net.xml -o net.ovseal -r {recipient}"));
    let inspect = |pin: &str| {
        let outcome =
            bench.run(&format!("inspect net.ovseal --tpm --tpm-pin-file {pin} {}", device.options()));
        (outcome.code, outcome.stderr)
    };
    let mut codes = Vec::new();
    while codes.len() < 32 && codes.last() != Some(&Some(1)) {
        codes.push(inspect("wrong").0);
    }
    assert!(codes.len() > 1 && codes[..codes.len() - 1].iter().all(|code| *code == Some(4)), "{codes:?}");
    let (code, stderr) = inspect("pin");
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("the TPM is locked: too many wrong PINs") && stderr.contains("hint: "),
        "{stderr}"
    );
    let doctor = bench.json(&format!("doctor {}", device.options()));
    assert_eq!(doctor["tpm"]["is_locked"], true);
    device.swtpm.tool("tpm2_dictionarylockout", &["--clear-lockout"]);
    assert_eq!(inspect("pin").0, Some(0));
}

#[test]
fn mistakes_and_a_missing_tpm_have_their_own_errors() {
    let (bench, device) = (Bench::sealed(), Device::new("d"));
    let status = format!("device status {}", device.options());
    let missing = bench.run(&status);
    assert_eq!((missing.code, missing.stderr.lines().count()), (Some(4), 2));
    for list in ["sha256:", "24", "7,7", "x"] {
        let refused = bench.run(&format!("device enroll --pcr {list} {}", device.options()));
        assert_eq!(refused.code, Some(2), "{list}");
        assert!(!bench.exists("d/tpm2-device"));
    }
    let recipient = device.enroll(&bench, "");
    assert_eq!(bench.run(&format!("device enroll {}", device.options())).code, Some(2));
    let typo = recipient.replacen("ovdev1q", "ovdev1p", 1);
    bench.fails(
        &format!("seal net.xml -o new.ovseal -r {typo}"),
        2,
        &["ovseal: error: a device's recipient begins with ovdev1 and has no typing errors"],
    );
    assert_eq!(bench.run("seal net.xml -o new.ovseal --keyfile key --until-epoch 3").code, Some(2));
    assert_eq!(
        bench.run(&format!("seal net.xml -o new.ovseal -r {recipient} --until-clock +1d")).code,
        Some(2)
    );
    let bind = format!("bind net.ovseal --keyfile key {}", device.options());
    device.swtpm.cut_power();
    let absent = bench.run(&bind);
    assert_eq!(absent.code, Some(1), "{absent:?}");
    assert!(absent.stderr.contains("there is no TPM at"), "{absent:?}");
    assert_eq!(absent.stderr.lines().count(), 2, "nobody else writes to stderr: {absent:?}");
}

#[test]
fn the_doctor_shows_the_tpm_or_why_there_is_none() {
    let (bench, device) = (Bench::new(), Device::new("d"));
    let doctor = format!("doctor {}", device.options());
    let tpm = |line: &str| bench.json(line)["tpm"].clone();
    let found = tpm(&doctor);
    assert_eq!(found["found"], true);
    assert_eq!(found["maker"], "IBM");
    assert_eq!(found["firmware"].as_str().unwrap().len(), 16);
    assert_eq!(found["pcr_banks"], serde_json::json!(["sha256"]));
    assert_eq!(found["is_locked"], false);
    assert_eq!(found["enrolled"], false);
    device.enroll(&bench, "");
    device.swtpm.cut_power();
    let absent = tpm(&doctor);
    assert_eq!((&absent["found"], &absent["enrolled"]), (&Value::Bool(false), &Value::Bool(true)));
    assert!(absent["reason"].as_str().unwrap().starts_with("there is no TPM at"));
}
