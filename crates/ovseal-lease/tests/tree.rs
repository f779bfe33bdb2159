//! A licence service links this crate, and no code that handles data keys or decrypts payloads.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

#[test]
fn nothing_below_this_crate_handles_data_keys_or_opens_containers() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--package", "ovseal-lease", "--edges", "no-dev,features"])
        .args(["--target", "all", "--prefix", "none", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("ovseal-format v"), "{tree}");
    let forbidden =
        ["ovseal v", "ovseal-openvino v", "ovseal-hardware v", "ovseal-format feature \"payload\""];
    let found: Vec<&str> =
        tree.lines().filter(|line| forbidden.iter().any(|text| line.starts_with(text))).collect();
    assert!(found.is_empty(), "{found:?}");
}
