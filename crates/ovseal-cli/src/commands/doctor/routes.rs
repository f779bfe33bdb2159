//! The ways in which `ovseal exec` and `ovseal mount` can show files here.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ovseal_memory::memory_room;
use ovseal_mount::{LaunchError, LaunchOptions, Launcher, is_memory};

use super::{DoctorArgs, Finding};
use crate::commands::exec;
use crate::errors::CommandError;
use crate::ui::text::bytes;

pub(super) fn findings(_: &DoctorArgs) -> Vec<Finding> {
    let launcher = launcher();
    let namespace = tried(&launcher, Launcher::enter_namespaces);
    let device = File::options().read(true).write(true).open("/dev/fuse").map(drop);
    let device = device.map_err(|error| format!("/dev/fuse: {error}"));
    let private_fuse = namespace.clone().and_then(|()| device.clone());
    let mounts = device.and_then(|()| if rustix::process::geteuid().is_root() { Ok(()) } else { helper() });
    let confined = tried(&launcher, Launcher::confine);
    vec![
        route("ramfs", &namespace, "exec --via ramfs: yes, private memory that is never swapped"),
        route("fuse", &private_fuse, "exec --via fuse: yes, decrypted when read, in a private namespace"),
        route(
            "memfd",
            &tried(&launcher, |_| Ok(())),
            "exec --via memfd: yes, memory files that can be swapped",
        ),
        route("mount", &mounts, "mount: yes, decrypted when read"),
        route("confinement", &confined, "exec keeps programs from writing: yes"),
        directories(),
        room(),
    ]
}

/// Shows a route, or why it does not work.
fn route(key: &'static str, outcome: &Result<(), String>, works: &str) -> Finding {
    match outcome {
        Ok(()) => Finding::new(key, true, works),
        Err(why) => {
            let name = works.split_once(": ").map_or(works, |(name, _)| name);
            Finding::new(key, false, format!("{name}: no, {why}"))
        }
    }
}

/// Starts a child that tries what `exec` does, and ends with this value.
fn launcher() -> Result<Launcher, String> {
    if !exec::is_own_program() {
        return Err("this is not the program ovseal itself".to_owned());
    }
    let launcher = Launcher::start(&LaunchOptions {
        subcommand: vec![exec::LAUNCHER.into()],
        directory: PathBuf::from("/"),
        writable: Vec::new(),
        program: vec!["true".into()],
        without_input: true,
        variables: Vec::new(),
    });
    launcher.map_err(|error| CommandError::from(error).chain())
}

fn tried(
    launcher: &Result<Launcher, String>,
    order: impl Fn(&Launcher) -> Result<(), LaunchError>,
) -> Result<(), String> {
    let launcher = launcher.as_ref().map_err(Clone::clone)?;
    order(launcher).map_err(|error| CommandError::from(error).chain())
}

/// Looks for the helper that mounts for users.
fn helper() -> Result<(), String> {
    let mut helper = Command::new("fusermount3");
    let status =
        helper.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err("fusermount3 is missing: apt-get install fuse3".to_owned()),
    }
}

/// Lists directories for `--via dir:PATH`.
fn directories() -> Finding {
    let candidates = ["/dev/shm", "/run", "/tmp", "/run/models"].map(PathBuf::from);
    let found: Vec<String> =
        candidates.iter().filter(|path| is_memory(path)).map(|path| path.display().to_string()).collect();
    let text = if found.is_empty() { "none known".to_owned() } else { found.join(", ") };
    Finding::new("directories", found, format!("exec --via dir:PATH: directories in memory: {text}"))
}

fn room() -> Finding {
    let room = memory_room();
    let text = room.map_or_else(|| "unknown".to_owned(), |room| bytes(room / 2));
    Finding::new("ramfs_limit", room.map(|room| room / 2), format!("largest model for ramfs now: {text}"))
}
