//! Known vulnerabilities of dependencies, by the advisory database that this machine has.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, tools};

/// Runs `cargo deny check advisories` over all workspaces if a database is at hand, and says what
/// is missing otherwise.
///
/// The database is not fetched here: tests work without a network, and give the same result twice.
///
/// # Errors
///
/// When a dependency has an advisory.
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

/// Says why advisories are not checked, if they are not.
fn missing(has_database: bool, has_tool: bool) -> Option<&'static str> {
    match (has_database, has_tool) {
        (true, true) => None,
        (false, true) => {
            Some("not checked: no advisory database is at hand. Fetch one with: cargo deny fetch db")
        }
        (_, false) => Some(
            "not checked: cargo-deny or an advisory database is not at hand. Get both with: \
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

/// Returns the folder in which `cargo-deny` keeps databases, if there is one in it.
fn database(cargo_home: &Path) -> Option<PathBuf> {
    let folder = cargo_home.join("advisory-dbs");
    let mut entries = folder.read_dir().ok()?.flatten();
    entries.any(|entry| entry.path().is_dir()).then_some(folder)
}

/// The workspace, and those whose dependencies stay out of its lock file.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "bench/Cargo.toml", "fuzz/Cargo.toml"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_at_hand_when_its_folder_holds_one() {
        let home = env::temp_dir().join(format!("ovseal-advisories-{}", std::process::id()));
        assert_eq!(database(&home), None);
        std::fs::create_dir_all(home.join("advisory-dbs")).unwrap();
        assert_eq!(database(&home), None);
        std::fs::create_dir(home.join("advisory-dbs/advisory-db-1")).unwrap();
        assert_eq!(database(&home), Some(home.join("advisory-dbs")));
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn what_is_not_checked_is_said_with_a_command_that_helps() {
        assert_eq!(missing(true, true), None);
        for (has_database, has_tool) in [(false, true), (true, false), (false, false)] {
            let message = missing(has_database, has_tool).unwrap();
            assert!(message.starts_with("not checked: ") && message.ends_with("cargo deny fetch db"));
        }
    }
}
