//! Writes to stdout and stderr. Nothing else does.

use std::io::{self, ErrorKind, Write};
use std::sync::Once;

use ovseal_memory::{Missing, protections};
use serde::Serialize;

use super::text::printable;
use crate::errors::{CommandError, Kind};

/// The output of a command: data to stdout, everything else to stderr.
///
/// A closed stdout is not a failure: `ovseal inspect F | head -1` ends quietly.
pub(crate) struct Output {
    data: Box<dyn Write>,
    messages: Box<dyn Write>,
}

impl Output {
    /// Returns the process's own stdout and stderr.
    pub(crate) fn standard() -> Self {
        Self { data: Box::new(io::stdout()), messages: Box::new(io::stderr()) }
    }

    /// Writes a line of data.
    ///
    /// # Errors
    /// Fails if stdout cannot be written, except if its reader is gone.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), CommandError> {
        self.raw(format!("{line}\n").as_bytes())
    }

    /// Writes `value` as one indented JSON object.
    ///
    /// # Errors
    /// See [`line`](Self::line).
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), CommandError> {
        let text = serde_json::to_string_pretty(value);
        self.line(&text.map_err(|error| CommandError::new(Kind::Internal, error))?)
    }

    /// Writes data unchanged.
    ///
    /// # Errors
    /// See [`line`](Self::line).
    pub(crate) fn raw(&mut self, data: &[u8]) -> Result<(), CommandError> {
        match self.data.write_all(data).and_then(|()| self.data.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(CommandError::new(Kind::Environment, error).context("cannot write to stdout"))
            }
            _ => Ok(()),
        }
    }

    /// Writes a line for people.
    pub(crate) fn note(&mut self, message: &str) {
        self.message(&format!("ovseal: {}", printable(message)));
    }

    /// Writes a warning for people.
    pub(crate) fn warning(&mut self, message: &str) {
        self.message(&format!("ovseal: warning: {}", printable(message)));
    }

    /// Writes the error of a command, if it failed, and returns the exit code.
    pub(crate) fn finish(&mut self, outcome: Result<(), CommandError>) -> u8 {
        let Err(error) = outcome else { return 0 };
        error.lines().for_each(|line| self.message(&line));
        error.code()
    }

    /// Writes a line to stderr. Errors are ignored, because there is nowhere else to report them.
    fn message(&mut self, line: &str) {
        let _ = writeln!(self.messages, "{line}");
    }
}

/// Warns once that keys may be swapped to disk, if neither secret nor locked memory is available.
pub(crate) fn warn_unlocked_keys() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if protections().missing().contains(&Missing::KeyMemory) {
            Output::standard().warning(
                "keys are not locked in memory and may be swapped to disk: raise the limit, ulimit -l",
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn to(kind: ErrorKind) -> Output {
        Output { data: Box::new(Failing(kind)), messages: Box::new(io::sink()) }
    }

    #[test]
    fn a_closed_stdout_is_not_a_failure() {
        to(ErrorKind::BrokenPipe).line("data").unwrap();
    }

    #[test]
    fn a_full_disk_under_stdout_is_an_environment_error() {
        assert_eq!(to(ErrorKind::StorageFull).line("data").unwrap_err().code(), 1);
    }
}
