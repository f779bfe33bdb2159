//! The small commands, and behaviour common to all commands.

use std::process::Stdio;

use serde_json::Value;

use crate::support::Bench;

#[test]
fn doctor_says_what_protects_keys_and_what_encrypts() {
    let bench = Bench::new();
    let shown = bench.done("doctor").stdout;
    assert!(shown.starts_with("routes:\n  exec --via ramfs: "), "{shown}");
    assert!(shown.contains("\nmemory:\n  secret memory: ") && shown.contains("\nprocessor:\n"), "{shown}");
    let facts = bench.json("doctor");
    assert_eq!(facts["memory"]["dumpable"], false);
    assert!(facts["processor"]["cores"].as_u64().unwrap() >= 1);
    let library = facts["processor"]["aead_library"].as_str().unwrap();
    assert!(["ring", "aws-lc-rs"].contains(&library));
}

#[test]
fn doctor_names_the_variables_that_make_the_runtime_write_models() {
    let bench = Bench::new();
    let variables = "OPENVINO_HETERO_VISUALIZE=1 OV_ENABLE_SERIALIZE_TRACING=1";
    let set = format!("export {variables}");
    let facts: Value = serde_json::from_str(&bench.shell(&set, "doctor --json", "").stdout).unwrap();
    let names = ["OV_ENABLE_SERIALIZE_TRACING", "OPENVINO_HETERO_VISUALIZE"];
    assert_eq!(facts["openvino"]["writes_models"], serde_json::json!(names));
    let shown = bench.shell(&set, "doctor", "").stdout;
    assert!(shown.contains(&format!("because of {}\n", names.join(", "))), "{shown}");
    let none = bench.done("doctor --json").stdout;
    let none: Value = serde_json::from_str(&none).unwrap();
    assert_eq!(none["openvino"]["writes_models"], serde_json::json!([]));
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Bench::new().done(&format!("completions {shell}")).stdout;
        assert!(script.contains("danger-write-plaintext"), "{shell}");
    }
}

#[test]
fn a_rollback_state_is_made_once() {
    let bench = Bench::new();
    let outcome = bench.done("rollback-state -o state");
    assert_eq!(outcome.stderr, "ovseal: wrote the empty rollback state state\n");
    let before = bench.read("state");
    bench.fails("rollback-state -o state", 2, &["ovseal: error: state already exists"]);
    assert_eq!(bench.read("state"), before);
    let failed = bench.run("rollback-state -o absent/state");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let error = "ovseal: error: cannot write the rollback state absent/state: No such file or directory";
    assert!(failed.stderr.starts_with(error), "{failed:?}");
}

#[test]
fn help_and_version_go_to_stdout() {
    let bench = Bench::new();
    let version = bench.done("--version");
    let expected = concat!("ovseal ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((version.stdout.as_str(), version.stderr.as_str()), (expected, ""));
    assert!(bench.done("seal --help").stdout.contains("--publisher-key"));
}

#[test]
fn a_reader_of_stdout_that_went_away_is_no_failure() {
    let bench = Bench::sealed();
    let mut child = bench.command("inspect net.ovseal").stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
