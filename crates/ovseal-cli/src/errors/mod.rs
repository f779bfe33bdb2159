//! The error of all commands: its kind, a message, and hints.

pub(crate) mod guard;
pub(crate) mod usage;

use std::error::Error;
use std::{fmt, io};

use ovseal::identity_at;
use ovseal_frontend::{Explain, FrontEnd, write_hint};
use ovseal_openvino::LocateError;

use crate::ui::text::printable;

pub(crate) use ovseal_frontend::Kind;

/// The error of a command.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    error: Box<dyn Error>,
    details: Vec<String>,
    hints: Vec<String>,
    is_reported: bool,
    /// The exit code of another program, instead of the kind's.
    program_code: Option<u8>,
}

/// The command's own message, with the library's error as its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Message {
    message: String,
    source: Option<Box<dyn Error>>,
}

impl CommandError {
    /// Creates an error from a library's error, without advice.
    pub(crate) fn new(kind: Kind, error: impl Error + 'static) -> Self {
        let error = Box::new(error);
        Self { kind, error, details: Vec::new(), hints: Vec::new(), is_reported: false, program_code: None }
    }

    /// Creates an error with its own message.
    pub(crate) fn message(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(kind, Message { message: message.into(), source: None })
    }

    /// Creates an error for the caller's mistake, with its own message.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::message(Kind::Usage, message)
    }

    /// Prepends a message; the error so far becomes its cause.
    pub(crate) fn context(self, message: impl Into<String>) -> Self {
        let error = Message { message: message.into(), source: Some(self.error) };
        Self { error: Box::new(error), ..self }
    }

    /// Changes the kind.
    pub(crate) fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Adds advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds another program's explanation of the failure, line by line.
    pub(crate) fn details(mut self, words: &str) -> Self {
        self.details.extend(words.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        self
    }

    /// Adds advice, if there is any.
    pub(crate) fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// Marks an error that was shown when it happened: only its exit code is left to return.
    pub(crate) fn already_reported(self) -> Self {
        Self { is_reported: true, ..self }
    }

    /// Sets the exit code of another program, instead of the kind's.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { program_code: Some(code), ..self }
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        self.program_code.unwrap_or(self.kind as u8)
    }

    /// Returns the lines for stderr: the error with its causes, then each detail and hint.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let details = self.details.iter().map(|detail| format!("ovseal: detail: {}", shown(detail)));
        let hints = self.hints.iter().map(|hint| format!("ovseal: hint: {}", shown(hint)));
        let error = format!("ovseal: error: {}", shown(&self.chain()));
        std::iter::once(error).chain(details).chain(hints).filter(|_| !self.is_reported)
    }

    /// Returns the error with its causes in one line.
    pub(crate) fn chain(&self) -> String {
        self.causes().map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// Returns the error and its causes, one after the other.
    pub(crate) fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let first: &(dyn Error + 'static) = &*self.error;
        std::iter::successors(Some(first), |error| (*error).source())
    }
}

impl<E: Explain + 'static> From<E> for CommandError {
    fn from(error: E) -> Self {
        let (kind, hint) = (error.code().kind(), error.hint(FrontEnd::Command));
        Self::new(kind, error).hints(hint)
    }
}

/// Returns the error for a runtime that was not found, with the searched places.
pub(crate) fn not_located(error: LocateError) -> CommandError {
    let places: Vec<String> = error.searched().iter().map(|place| format!("searched {place}")).collect();
    if places.is_empty() {
        return error.into();
    }
    let hint = error.hint(FrontEnd::Command);
    CommandError::message(Kind::Environment, "OpenVINO was not found").hints(hint).hints(places)
}

/// Returns the error for a stanza's number, counted from 1, that is not in the container.
pub(crate) fn no_such_stanza(number: usize) -> CommandError {
    CommandError::usage(format!("the container has no stanza {number}"))
        .hint("ovseal inspect FILE shows the stanzas, counted from 1")
}

/// Returns the error for an output that exists and must not be replaced.
pub(crate) fn exists(path: &dyn fmt::Display) -> CommandError {
    CommandError::usage(format!("{path} already exists"))
}

/// Returns the error for a file that cannot be written.
pub(crate) fn cannot_write(path: &dyn fmt::Display, error: io::Error) -> CommandError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return exists(path);
    }
    let hint = write_hint(&error);
    CommandError::new(Kind::Environment, error).context(format!("cannot write {path}")).hints(hint)
}

/// Returns `text` without the identities in it: users may give one in place of a different
/// argument.
fn shown(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(start) = identity_at(rest) {
        let after = rest[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        shown.push_str(&rest[..start]);
        shown.push_str("(an identity)");
        rest = after.map_or("", |length| &rest[start + length..]);
    }
    shown.push_str(rest);
    printable(&shown)
}

#[cfg(test)]
mod tests {
    use ovseal::{RekeyError, SealError, WrapError};

    use super::*;

    #[test]
    fn an_identity_in_a_message_is_not_shown() {
        let error =
            CommandError::usage("unexpected argument 'age-secret-key-1QQ' found").hint("AGE-SECRET-KEY-1QQ");
        let lines: Vec<String> = error.lines().collect();
        let first = "ovseal: error: unexpected argument '(an identity)' found";
        assert_eq!(lines, [first, "ovseal: hint: (an identity)"]);
    }

    #[test]
    fn causes_are_in_one_line_and_hints_follow() {
        let cause = std::io::Error::from_raw_os_error(2);
        let error =
            CommandError::new(Kind::Environment, cause).context("cannot read a\nb").hint("look again");
        let lines: Vec<String> = error.lines().collect();
        let first = "ovseal: error: cannot read a\\nb: No such file or directory (os error 2)";
        assert_eq!(lines, [first, "ovseal: hint: look again"]);
    }

    #[test]
    fn every_kind_has_its_exit_code() {
        use Kind::*;
        let kinds = [Environment, Usage, NotAuthentic, NoKeyFits, Denied, Unsupported, Internal];
        let codes = kinds.map(|kind| CommandError::message(kind, "").code());
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 255]);
    }

    #[test]
    fn a_weak_public_key_is_the_callers_mistake_when_sealing_and_when_rekeying() {
        let sealing = CommandError::from(SealError::Wrap(WrapError::WeakPublicKey));
        let rekeying = CommandError::from(RekeyError::Wrap(WrapError::WeakPublicKey));
        assert_eq!([sealing.code(), rekeying.code()], [2, 2]);
    }
}
