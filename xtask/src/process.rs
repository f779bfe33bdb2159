//! Child processes, started without standard input. Errors show the command.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

use crate::failure::Failure;

/// Runs a command that writes to the terminal.
///
/// # Errors
///
/// Fails if the command cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).status();
    success(command, status)
}

/// Runs a command and returns its standard output; its standard error goes to the terminal.
///
/// # Errors
///
/// Fails if the command cannot be started, fails, or writes anything but UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let (status, bytes) = match output {
        Ok(output) => (Ok(output.status), output.stdout),
        Err(error) => (Err(error), Vec::new()),
    };
    success(command, status)?;
    String::from_utf8(bytes).map_err(|_| Failure::new(format!("{} did not write UTF-8", line(command))))
}

/// Returns whether a command can be started and succeeds; discards its output.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn success(command: &Command, status: io::Result<ExitStatus>) -> Result<(), Failure> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("`{}` ended with {status}", line(command)))),
        Err(error) => Err(Failure::new(format!("cannot start `{}`: {error}", line(command)))),
    }
}

/// Formats the command as one line.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let failure = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(failure.to_string(), "xtask: error: `sh -c exit 3` ended with exit status: 3\n");
    }

    #[test]
    fn a_missing_command_is_named() {
        let failure = run(&mut Command::new("no-such-command")).unwrap_err();
        assert!(failure.to_string().starts_with("xtask: error: cannot start `no-such-command`: "));
    }
}
