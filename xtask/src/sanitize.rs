//! Lifetime tests under AddressSanitizer, and the compiler flags for it.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::setting::Setting;
use crate::steps::Steps;
use crate::workspace::{Metadata, Workspace};

/// Runs every integration test whose name begins with `lifetime`; a memory error aborts it.
///
/// # Errors
///
/// Fails if a test fails, or none is found.
pub(crate) fn run(setting: &Setting<'_>, steps: &mut Steps) -> Result<(), Failure> {
    let metadata = Metadata::read(&setting.workspace.root.join("Cargo.toml"))?;
    let mut tests = metadata.targets("test");
    tests.retain(|(_, name)| name.starts_with("lifetime"));
    steps.run("lifetimes under AddressSanitizer", || {
        if tests.is_empty() {
            return Err(Failure::new("no integration test has a name that begins with `lifetime`"));
        }
        tests.iter().try_for_each(|(package, name)| process::run(&mut test(setting, package, name)))
    })
}

fn test(setting: &Setting<'_>, package: &str, name: &str) -> Command {
    let mut cargo = cargo(setting.workspace, "test", "");
    cargo.args(["--locked", "--package", package, "--test", name]);
    // Otherwise, TBB loads a library with RTLD_DEEPBIND, which AddressSanitizer rejects.
    setting.tell(&mut cargo).env("TBB_ENABLE_SANITIZERS", "1");
    cargo
}

/// Returns a cargo command that builds with AddressSanitizer and `flags`.
///
/// Sanitized builds share a separate target directory.
pub(crate) fn cargo(workspace: &Workspace, verb: &str, flags: &str) -> Command {
    let mut cargo = workspace.cargo();
    // An explicit target keeps the flags away from build scripts and procedural macros.
    cargo.args([verb, "--target", &workspace.host, "--target-dir"]).arg(folder(workspace));
    // The stable toolchain includes the sanitizer, but its flag is unstable.
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", format!("-Zsanitizer=address {flags}"));
    cargo.env("ASAN_OPTIONS", ASAN_OPTIONS);
    cargo
}

/// Returns the target directory of sanitized builds.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("sanitize")
}

/// Leaks are not detected: the runtime never frees some globals, and detection needs `ptrace`.
pub(crate) const ASAN_OPTIONS: &str = "detect_leaks=0:detect_stack_use_after_return=1";
