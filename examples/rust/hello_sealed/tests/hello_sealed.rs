//! Runs the example with a real network.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_network_runs_from_the_sealed_file() {
    let models = std::env::var_os("OVSEAL_TEST_MODELS");
    let models = models.unwrap_or_else(|| panic!("OVSEAL_TEST_MODELS is not set: run `cargo xtask test`"));
    let folder = tempfile::tempdir().unwrap();
    let container = folder.path().join("conv.ovseal");
    let mut example = Command::new(env!("CARGO_BIN_EXE_hello_sealed"));
    let output = example.arg(PathBuf::from(models).join("conv/model.xml")).arg(&container).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let length = container.metadata().unwrap().len();
    assert!(told.starts_with(&format!("sealed {length} bytes\n")) && told.ends_with(" bytes\n"), "{told}");
}
