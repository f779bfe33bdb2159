//! Behaviour where `userfaultfd` is forbidden, as in most containers.

use serde_json::Value;

use crate::support::{Bench, Outcome};

const RUN: &str = "run m.ovseal --keyfile key --publisher acme.pub --json";

fn sealed() -> Bench {
    let bench = Bench::with_models();
    bench.done("keygen --publisher -o acme");
    bench.done("seal models/conv/model.xml -o m.ovseal --keyfile key --publisher-key acme.key");
    bench
}

/// Runs the command under a seccomp filter that forbids it, as containers do.
fn forbidden(bench: &Bench, options: &str, line: &str) -> Outcome {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/without_userfaultfd.py");
    bench.script(&format!("exec \"$OVSEAL_TEST_PYTHON\" '{script}' {options} \"$OVSEAL\" {line}"))
}

/// Runs the command under that filter. It must succeed. Returns its stdout.
fn without(bench: &Bench, options: &str, line: &str) -> String {
    let outcome = forbidden(bench, options, line);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    outcome.stdout
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_model_is_decrypted_before_it_is_compiled_and_computes_the_same() {
    let bench = sealed();
    let usual = json(&bench.done(RUN).stdout);
    let forbidden = json(&without(&bench, "", RUN));
    assert_eq!((&usual["opening"], &forbidden["opening"]), (&"overlapped".into(), &"eager".into()));
    assert_eq!(usual["outputs"], forbidden["outputs"]);
    // An explicit request falls back to what the host supports.
    let asked = json(&without(&bench, "", &format!("{RUN} --opening overlapped")));
    assert_eq!((&asked["opening"], &asked["outputs"]), (&"eager".into(), &usual["outputs"]));
}

#[test]
fn a_changed_container_is_refused_there_too() {
    let bench = sealed();
    bench.flip("m.ovseal", bench.read("m.ovseal").len() / 2);
    let outcome = forbidden(&bench, "", RUN);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), ""), "{outcome:?}");
}

#[test]
fn the_cache_of_compiled_models_works_there_too() {
    let bench = sealed();
    let line = format!("{RUN} --cache-dir cache");
    let [first, second] = [(); 2].map(|()| json(&without(&bench, "", &line)));
    assert_eq!((&first["cache"], &second["cache"]), (&"stored".into(), &"hit".into()));
    assert_eq!(first["outputs"], second["outputs"]);
}

#[test]
fn the_device_replaces_the_system_call_where_it_may_be_opened() {
    let bench = sealed();
    let device = std::fs::File::options().read(true).write(true).open("/dev/userfaultfd");
    let expected = if device.is_ok() { "overlapped" } else { "eager" };
    assert_eq!(json(&without(&bench, "--with-device", RUN))["opening"], expected);
}

#[test]
fn the_doctor_says_so() {
    let bench = Bench::new();
    assert_eq!(json(&bench.done("doctor --json").stdout)["memory"]["userfaultfd"], true);
    assert_eq!(json(&without(&bench, "", "doctor --json"))["memory"]["userfaultfd"], false);
    let line = |text: &str| text.lines().find(|line| line.contains("userfaultfd: ")).unwrap().to_owned();
    assert!(line(&bench.done("doctor").stdout).contains("yes, models are decrypted while they are compiled"));
    assert!(
        line(&without(&bench, "", "doctor")).contains("no, models are decrypted before they are compiled")
    );
}
