//! Cargo's test runner, installed under the target folder where it is missing.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// Sees to it that `cargo nextest` can be started, and returns the search path with which it is found.
///
/// Each test gets a process of its own: tests measure their memory, lower their limits and load the runtime.
///
/// # Errors
///
/// When it is missing and cannot be installed.
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
    // Without optimization it is there in a third of the time and runs the tests no slower.
    cargo.args(["install", "--locked", "--debug", NEXTEST, "--no-default-features"]);
    cargo.args(["--features", "default-no-update", "--root"]).arg(&folder);
    cargo.arg("--target-dir").arg(folder.join("build")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    process::run(&mut cargo)
}

/// Returns the search path with the tools below the target folder.
///
/// # Errors
///
/// When the target folder's path cannot stand in it.
pub(crate) fn search_path(workspace: &Workspace) -> Result<OsString, Failure> {
    let before = env::var_os("PATH").unwrap_or_default();
    let own = workspace.target.join("tools/bin");
    env::join_paths(env::split_paths(&before).chain([own]))
        .map_err(|_| Failure::new("the target folder's path contains a colon, which PATH cannot hold"))
}

const NEXTEST: &str = "cargo-nextest@0.9.143";
