//! The test runner `cargo nextest`, installed in the target directory if it is missing.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// Installs `cargo nextest` if necessary, and returns a search path that includes it.
///
/// The runner starts each test in a new process: tests measure memory, lower limits and load the
/// runtime.
///
/// # Errors
///
/// Fails if the runner is missing and cannot be installed.
pub(crate) fn nextest(workspace: &Workspace) -> Result<OsString, Failure> {
    let path = search_path(workspace)?;
    if !process::succeeds(Command::new("cargo-nextest").args(["nextest", "--version"]).env("PATH", &path)) {
        install(workspace)?;
    }
    Ok(path)
}

fn install(workspace: &Workspace) -> Result<(), Failure> {
    let folder = workspace.target.join("tools");
    let mut cargo = workspace.cargo();
    // A debug build takes a third of the time and runs the tests just as fast.
    cargo.args(["install", "--locked", "--debug", NEXTEST, "--no-default-features"]);
    cargo.args(["--features", "default-no-update", "--root"]).arg(&folder);
    cargo.arg("--target-dir").arg(folder.join("build")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    process::run(&mut cargo)
}

/// Returns the search path, extended with the tools in the target directory.
///
/// # Errors
///
/// Fails if the target directory's path contains a colon.
pub(crate) fn search_path(workspace: &Workspace) -> Result<OsString, Failure> {
    let before = env::var_os("PATH").unwrap_or_default();
    let own = workspace.target.join("tools/bin");
    env::join_paths(env::split_paths(&before).chain([own]))
        .map_err(|_| Failure::new("the target directory's path contains a colon, which PATH cannot hold"))
}

const NEXTEST: &str = "cargo-nextest@0.9.143";
