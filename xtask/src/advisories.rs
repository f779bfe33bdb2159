//! Known vulnerabilities of dependencies, from a local copy of the advisory database.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, tools};

/// Runs `cargo deny check advisories` in all workspaces, or prints which of its tools are missing.
///
/// The database is not fetched here: tests must work offline and be reproducible.
///
/// # Errors
///
/// Fails if a dependency has an advisory.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<(), Failure> {
    steps.run("advisories", || {
        let path = tools::search_path(workspace)?;
        let database = cargo_home().and_then(|home| database(&home));
        let has_tool = process::succeeds(deny(workspace, &path).arg("--version"));
        match missing(database.is_some(), has_tool) {
            Some(message) => println!("{message}"),
            None => check(workspace, &path)?,
        }
        Ok(())
    })
}

/// Returns a message if advisories cannot be checked.
fn missing(has_database: bool, has_tool: bool) -> Option<&'static str> {
    match (has_database, has_tool) {
        (true, true) => None,
        (false, true) => {
            Some("not checked: there is no advisory database. Fetch one with: cargo deny fetch db")
        }
        (_, false) => Some(
            "not checked: cargo-deny is not installed. Install it and fetch the database with: \
             cargo install --locked cargo-deny && cargo deny fetch db",
        ),
    }
}

fn check(workspace: &Workspace, path: &OsString) -> Result<(), Failure> {
    for manifest in MANIFESTS {
        let mut deny = deny(workspace, path);
        deny.args(["--locked", "--manifest-path", manifest, "--config", "deny.toml"]);
        process::run(deny.args(["check", "--disable-fetch", "advisories"]))?;
    }
    Ok(())
}

fn deny(workspace: &Workspace, path: &OsString) -> Command {
    let mut deny = Command::new("cargo-deny");
    deny.current_dir(&workspace.root).env("PATH", path);
    deny
}

fn cargo_home() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")))
}

/// Returns the directory of `cargo-deny`'s databases, if it contains one.
fn database(cargo_home: &Path) -> Option<PathBuf> {
    let folder = cargo_home.join("advisory-dbs");
    let mut entries = folder.read_dir().ok()?.flatten();
    entries.any(|entry| entry.path().is_dir()).then_some(folder)
}

/// Manifests of the workspace, and of the packages with separate lock files.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "bench/Cargo.toml", "fuzz/Cargo.toml"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_found_when_the_directory_holds_one() {
        let home = env::temp_dir().join(format!("ovseal-advisories-{}", std::process::id()));
        assert_eq!(database(&home), None);
        std::fs::create_dir_all(home.join("advisory-dbs")).unwrap();
        assert_eq!(database(&home), None);
        std::fs::create_dir(home.join("advisory-dbs/advisory-db-1")).unwrap();
        assert_eq!(database(&home), Some(home.join("advisory-dbs")));
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn the_message_ends_with_a_command_that_helps() {
        assert_eq!(missing(true, true), None);
        for (has_database, has_tool) in [(false, true), (true, false), (false, false)] {
            let message = missing(has_database, has_tool).unwrap();
            assert!(message.starts_with("not checked: ") && message.ends_with("cargo deny fetch db"));
        }
    }
}
