//! Runs every attack in `attacks/`, and asserts its required outcome.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ATTACKS: [&str; 13] = [
    "ir-other-memory",
    "kdf-bomb",
    "onnx-memory-address",
    "openvino-cache",
    "plaintext-search",
    "planted-rekeying",
    "recipient-forgery",
    "rollback",
    "stanza-bomb",
    "strip-signature",
    "swap-chunks",
    "tpm-without-its-state",
    "truncate",
];

#[test]
fn a_stanza_that_demands_absurd_work_costs_nothing() {
    run("kdf-bomb");
}

#[test]
fn an_ir_that_would_read_other_memory_is_neither_sealed_nor_run() {
    run("ir-other-memory");
}

#[test]
fn an_onnx_model_that_names_an_address_is_not_sealed() {
    run("onnx-memory-address");
}

#[test]
fn no_file_that_is_written_with_a_cache_holds_the_model() {
    run("openvino-cache");
}

#[test]
fn no_plaintext_is_on_the_disk_after_a_run() {
    run("plaintext-search");
}

#[test]
fn the_stanzas_of_another_copy_are_not_taken_over() {
    run("planted-rekeying");
}

#[test]
fn another_recipient_cannot_forge_for_those_who_name_the_publisher() {
    run("recipient-forgery");
}

#[test]
fn an_older_container_is_denied_after_a_newer_one() {
    run("rollback");
}

#[test]
fn ten_thousand_stanzas_cost_nothing() {
    run("stanza-bomb");
}

#[test]
fn a_container_without_its_signatures_is_denied() {
    run("strip-signature");
}

#[test]
fn swapped_chunks_are_not_authentic() {
    run("swap-chunks");
}

#[test]
fn a_tpm_in_another_state_gives_nothing_to_those_who_have_the_disk() {
    run("tpm-without-its-state");
}

#[test]
fn a_cut_container_is_refused_wherever_it_is_cut() {
    run("truncate");
}

#[test]
fn every_attack_is_run_and_described() {
    let scripts = folder().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let scripts = scripts.filter(|path| path.extension().is_some_and(|extension| extension == "py"));
    let mut names: Vec<String> =
        scripts.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.retain(|name| !["needles", "support"].contains(&name.as_str()));
    names.sort();
    assert_eq!(names, ATTACKS);
    let page = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for name in names {
        assert!(page.contains(&format!("`{name}.py`")), "README.md does not describe {name}.py");
    }
}

fn run(name: &str) {
    let ovseal = Path::new(env!("CARGO_BIN_EXE_ovseal")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(ovseal.into())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    let output = Command::new(set_up("OVSEAL_TEST_PYTHON"))
        .arg(folder().join(name).with_extension("py"))
        .env("PATH", path)
        .env("OVSEAL_TEST_MODELS", set_up("OVSEAL_TEST_MODELS"))
        .env("OVSEAL_OPENVINO", set_up("OVSEAL_OPENVINO"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (told, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{name} had another outcome:\n{told}{failed}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../attacks")
}

/// Returns a variable of the test set-up.
fn set_up(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")))
}
