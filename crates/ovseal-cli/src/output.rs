//! The only place that writes to stdout and stderr.

use std::io::{self, ErrorKind, Write};

use crate::error::{CommandError, Kind};
use crate::text::printable;

/// Where a command writes: data to stdout, everything else to stderr.
///
/// A reader of stdout that went away is no failure: `ovseal inspect F | head -1` ends quietly.
pub(crate) struct Output {
    data: Box<dyn Write>,
    messages: Box<dyn Write>,
}

impl Output {
    /// The process's own stdout and stderr.
    pub(crate) fn standard() -> Self {
        Self { data: Box::new(io::stdout()), messages: Box::new(io::stderr()) }
    }

    /// Writes a line of data.
    ///
    /// # Errors
    /// When stdout cannot be written, unless nobody reads it any more.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), CommandError> {
        self.raw(format!("{line}\n").as_bytes())
    }

    /// Writes data as it is.
    ///
    /// # Errors
    /// As [`line`](Self::line).
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

    /// Writes a line that people should not overlook.
    pub(crate) fn warning(&mut self, message: &str) {
        self.message(&format!("ovseal: warning: {}", printable(message)));
    }

    /// Writes the error of a command, if it failed, and gives the exit code.
    pub(crate) fn finish(&mut self, outcome: Result<(), CommandError>) -> u8 {
        let Err(error) = outcome else { return 0 };
        error.lines().for_each(|line| self.message(&line));
        error.code()
    }

    /// There is nowhere to report that stderr cannot be written; the exit code still tells the outcome.
    fn message(&mut self, line: &str) {
        let _ = writeln!(self.messages, "{line}");
    }
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
    fn a_reader_that_went_away_is_no_failure() {
        to(ErrorKind::BrokenPipe).line("data").unwrap();
    }

    #[test]
    fn a_full_disk_under_stdout_is_a_failure_of_the_environment() {
        assert_eq!(to(ErrorKind::StorageFull).line("data").unwrap_err().code(), 1);
    }
}
