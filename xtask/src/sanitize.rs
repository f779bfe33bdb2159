//! The lifetime tests under AddressSanitizer, and the compiler flags that sanitizing needs.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::steps::Steps;
use crate::test::Setting;
use crate::workspace::{Metadata, Workspace};

/// Builds and runs every integration test whose name begins with `lifetime`, with memory errors ending it.
///
/// # Errors
///
/// When one of them does not pass, or none was found.
pub(crate) fn run(setting: &Setting<'_>, steps: &mut Steps) -> Result<(), Failure> {
    let metadata = Metadata::read(&setting.workspace.root.join("Cargo.toml"))?;
    let mut tests = metadata.targets("test");
    tests.retain(|(_, name)| name.starts_with("lifetime"));
    steps.run("lifetimes under AddressSanitizer", || {
        if tests.is_empty() {
            return Err(Failure::new("no integration test's name begins with `lifetime`"));
        }
        tests.iter().try_for_each(|(package, name)| process::run(&mut test(setting, package, name)))
    })
}

fn test(setting: &Setting<'_>, package: &str, name: &str) -> Command {
    let mut cargo = cargo(setting.workspace, "test", "");
    cargo.args(["--locked", "--package", package, "--test", name]);
    // The runtime's TBB otherwise loads a library in a way that AddressSanitizer ends the process for.
    setting.tell(&mut cargo).env("TBB_ENABLE_SANITIZERS", "1");
    cargo
}

/// A cargo command that builds with AddressSanitizer and `flags` into a target folder that only sanitized builds share.
pub(crate) fn cargo(workspace: &Workspace, verb: &str, flags: &str) -> Command {
    let mut cargo = workspace.cargo();
    // With an explicit target the flags reach neither build scripts nor procedural macros.
    cargo.args([verb, "--target", &workspace.host, "--target-dir"]).arg(folder(workspace));
    // The sanitizer is part of the stable toolchain, but its switch is not stable.
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", format!("-Zsanitizer=address {flags}"));
    cargo.env("ASAN_OPTIONS", ASAN_OPTIONS);
    cargo
}

/// The target folder of sanitized builds.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("sanitize")
}

/// Leaks are not looked for: the runtime keeps global objects until the process ends, and the search needs `ptrace`.
pub(crate) const ASAN_OPTIONS: &str = "detect_leaks=0:detect_stack_use_after_return=1";
