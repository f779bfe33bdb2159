//! The program: its arguments, its signals, its end.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use ovseal_mount::{LaunchError, Launcher};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

use crate::errors::{CommandError, Kind};
use crate::ui::{Output, Signals};

/// Replaces `{}` in each argument by the directory.
pub(super) fn with_directory(program: &[OsString], directory: &Path, output: &mut Output) -> Vec<OsString> {
    let replaced: Vec<_> = program.iter().map(|word| replace(word, directory.as_os_str())).collect();
    if replaced == program {
        output.note("no argument contains {}: the program finds the files in $OVSEAL_MODEL_DIR");
    }
    replaced
}

/// Warns about a program that would run with another user's rights, which the confinement prevents.
pub(super) fn warn_of_set_user_id(program: &[OsString], output: &mut Output) {
    let Some(path) = program.first().and_then(|name| found(name)) else { return };
    if path.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o6000 != 0) {
        let shown = path.display();
        output.warning(&format!("{shown} is set-user-ID or set-group-ID: it runs without that privilege"));
    }
}

/// Starts to watch for signals.
pub(super) fn signals() -> Result<Signals, CommandError> {
    Signals::watch(&WATCHED)
}

/// Fails if a signal has asked this process to end before the program was started.
pub(super) fn check_not_interrupted(signals: &mut Signals) -> Result<(), CommandError> {
    let arrived = signals.wait(Duration::ZERO);
    match arrived.into_iter().find(|signal| [SIGTERM, SIGINT, SIGHUP, SIGQUIT].contains(signal)) {
        Some(_) => Err(CommandError::message(Kind::Environment, "interrupted: the program was not started")),
        None => Ok(()),
    }
}

/// Starts the program, passes signals on, and returns its exit code.
pub(super) fn follow(
    launcher: &mut Launcher,
    program: &[OsString],
    signals: &mut Signals,
) -> Result<u8, CommandError> {
    let name = program.first().map(Path::new).unwrap_or(Path::new(""));
    launcher.run(name).map_err(not_started)?;
    loop {
        if let Some(status) = launcher.ended().map_err(|error| CommandError::new(Kind::Environment, error))? {
            return Ok(exit_code(status));
        }
        let arrived = signals.wait(Duration::from_secs(1));
        let from_terminal = is_in_foreground();
        for signal in arrived {
            // The terminal has sent its own to both processes.
            let is_known = from_terminal && [SIGINT, SIGQUIT].contains(&signal);
            if signal != SIGCHLD && !is_known {
                launcher.signal(signal);
            }
        }
    }
}

/// The signals that the program gets, and the one of its end.
const WATCHED: [i32; 9] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH, SIGCHLD];

/// Returns the error of a program that was not started, with the exit code of shells.
fn not_started(error: LaunchError) -> CommandError {
    let code = match &error {
        LaunchError::Program { source, .. } if source.kind() == std::io::ErrorKind::NotFound => 127,
        _ => 126,
    };
    CommandError::from(error).with_code(code)
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Returns true if this process's group has the terminal.
fn is_in_foreground() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    terminal.is_ok_and(|terminal| {
        rustix::termios::tcgetpgrp(&terminal).is_ok_and(|group| group == rustix::process::getpgrp())
    })
}

/// Finds a program as the shell does.
fn found(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(name.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn replace(word: &OsStr, directory: &OsStr) -> OsString {
    let mut rest = word.as_bytes();
    let mut replaced = Vec::new();
    while let Some(at) = rest.windows(2).position(|pair| pair == b"{}") {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(directory.as_bytes());
        rest = &rest[at + 2..];
    }
    replaced.extend_from_slice(rest);
    OsString::from_vec(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_of_braces_becomes_the_directory() {
        let replaced = |word| replace(OsStr::new(word), OsStr::new("/d")).into_string().unwrap();
        let words = ["{}", "{}/model.xml", "a={},b={}", "{", "}{", "{{}}", ""].map(replaced);
        assert_eq!(words, ["/d", "/d/model.xml", "a=/d,b=/d", "{", "}{", "{/d}", ""]);
    }

    #[test]
    fn a_signal_is_128_more_than_its_number() {
        assert_eq!(
            [0, 5 << 8, 255 << 8, 9].map(|raw| exit_code(ExitStatus::from_raw(raw))),
            [0, 5, 255, 137]
        );
    }
}
