//! The one error of all commands: whose fault it is, what happened, and what helps.

use std::error::Error;

use ovseal::identity_at;

use crate::text::printable;

/// Whose fault a failure is; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file, a device, memory.
    Environment,
    /// The command line makes no sense.
    Usage,
    /// The container is damaged, truncated or not what its publisher made.
    NotAuthentic,
    /// None of the given keys opens the container.
    NoKeyFits,
    /// The caller's demands refuse the container.
    Denied,
    /// The file is no container, or of an unknown version.
    Unsupported,
    /// A bug of this program.
    Internal,
}

/// A command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    error: Box<dyn Error>,
    details: Vec<String>,
    hints: Vec<String>,
}

/// A sentence of the command's own, with the library's error as its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Message {
    message: String,
    source: Option<Box<dyn Error>>,
}

impl Kind {
    /// The exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Environment => 1,
            Self::Usage => 2,
            Self::NotAuthentic => 3,
            Self::NoKeyFits => 4,
            Self::Denied => 5,
            Self::Unsupported => 6,
            Self::Internal => 255,
        }
    }
}

impl CommandError {
    /// An error that is somebody else's.
    pub(crate) fn new(kind: Kind, error: impl Error + 'static) -> Self {
        Self { kind, error: Box::new(error), details: Vec::new(), hints: Vec::new() }
    }

    /// An error that is said in a sentence of its own.
    pub(crate) fn message(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(kind, Message { message: message.into(), source: None })
    }

    /// The caller's mistake, said in a sentence of its own.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::message(Kind::Usage, message)
    }

    /// Puts a sentence in front; what was said so far becomes its cause.
    pub(crate) fn context(self, message: impl Into<String>) -> Self {
        let error = Message { message: message.into(), source: Some(self.error) };
        Self { error: Box::new(error), ..self }
    }

    /// Adds advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds words of another program about the failure, line by line.
    pub(crate) fn details(mut self, words: &str) -> Self {
        self.details.extend(words.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        self
    }

    /// Adds advice, if there is any.
    pub(crate) fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        self.kind.code()
    }

    /// What is written to stderr: the error with its causes in one line, then a line for each detail and hint.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let details = self.details.iter().map(|detail| format!("ovseal: detail: {}", shown(detail)));
        let hints = self.hints.iter().map(|hint| format!("ovseal: hint: {}", shown(hint)));
        std::iter::once(format!("ovseal: error: {}", shown(&self.chain()))).chain(details).chain(hints)
    }

    /// The error with its causes in one line.
    pub(crate) fn chain(&self) -> String {
        self.causes().map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// The error, and its causes one after the other.
    pub(crate) fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let first: &(dyn Error + 'static) = &*self.error;
        std::iter::successors(Some(first), |error| (*error).source())
    }
}

/// Text for people, without the identities in it: one that was given as some other argument is not repeated.
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
    fn causes_stand_in_one_line_and_hints_follow() {
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
        assert_eq!(kinds.map(Kind::code), [1, 2, 3, 4, 5, 6, 255]);
    }
}
