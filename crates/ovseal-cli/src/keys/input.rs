//! Sources of keys: a file, stdin or an open descriptor.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use ovseal::{FileIdentity, SecretText};
use ovseal_files::exposed_mode;
use ovseal_memory::{MemoryError, SecretBytes, inherited_descriptor};

use crate::errors::{CommandError, Kind};
use crate::ui::{Output, warn_unlocked_keys};

/// A source from which a key is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-`: the standard input.
    Stdin,
    /// `fd:N`: an open descriptor.
    Descriptor(i32),
    /// Anything else: a file.
    File(PathBuf),
}

/// A reader of sources, which reads stdin at most once.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    stdin_is_used: bool,
}

impl Source {
    /// Returns the parser for the command line; every string is a source.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().map(Self::parse)
    }

    fn parse(text: OsString) -> Self {
        let descriptor = text.to_str().and_then(|text| text.strip_prefix("fd:")).map(str::parse);
        match descriptor {
            Some(Ok(number)) => Self::Descriptor(number),
            _ if text == "-" => Self::Stdin,
            _ => Self::File(text.into()),
        }
    }

    /// Fails if the argument is itself a secret, not the source of one.
    fn refuse_secret(&self) -> Result<(), CommandError> {
        let Self::File(path) = self else { return Ok(()) };
        let Some(secret) = SecretText::of(path) else { return Ok(()) };
        Err(CommandError::usage(secret.to_string()).hint(
            "put it into a file that only you can read, and give that file, - or fd:N; it is now in your shell history \
             and was visible in the process list, so consider a new one",
        ))
    }

    /// Opens the source unbuffered: a buffer would keep a copy of the secret.
    fn open(&self) -> io::Result<File> {
        match self {
            Self::Stdin => io::stdin().as_fd().try_clone_to_owned().map(File::from),
            Self::Descriptor(number) => inherited_descriptor(*number),
            Self::File(path) => File::open(path),
        }
    }

    /// Returns the identity of the file, if there is one.
    pub(crate) fn identity(&self) -> Option<FileIdentity> {
        match self {
            Self::Stdin => FileIdentity::of("/proc/self/fd/0".as_ref()),
            Self::Descriptor(number) => FileIdentity::of(format!("/proc/self/fd/{number}").as_ref()),
            Self::File(path) => FileIdentity::of(path),
        }
        .ok()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::Descriptor(number) => write!(f, "descriptor {number}"),
            // No error repeats a secret.
            Self::File(path) if SecretText::of(path).is_some() => f.write_str("a secret"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Inputs {
    /// Reads at most `limit` bytes directly into secret memory.
    ///
    /// # Errors
    /// Fails if `source` cannot be read, is longer than `limit`, or is stdin for the second time.
    pub(crate) fn secret(&mut self, source: &Source, limit: usize) -> Result<SecretBytes, CommandError> {
        self.read_secret(source, |file| SecretBytes::read_from(file, limit))
    }

    /// Reads a secret with `read`. Warns if other users can also read it, or if it cannot be locked
    /// in memory.
    ///
    /// # Errors
    /// Any error of [`secret`](Self::secret) or of `read`.
    pub(crate) fn read_secret<T>(
        &mut self,
        source: &Source,
        read: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> Result<T, CommandError> {
        warn_unlocked_keys();
        self.read(source, |file| {
            if let (Source::File(_), Some(mode)) = (source, exposed_mode(file)?) {
                Output::standard().warning(&format!(
                    "{source} can be accessed by other users (mode {mode:o}): chmod 600 {source}"
                ));
            }
            read(file)
        })
    }

    /// Reads a public string of at most `limit` bytes.
    ///
    /// # Errors
    /// See [`secret`](Self::secret).
    pub(crate) fn text(&mut self, source: &Source, limit: usize) -> Result<String, CommandError> {
        self.read(source, |file| {
            let mut text = String::new();
            file.take(limit as u64 + 1).read_to_string(&mut text)?;
            let too_long = || io::Error::new(io::ErrorKind::InvalidData, MemoryError::InputTooLong { limit });
            if text.len() <= limit { Ok(text) } else { Err(too_long()) }
        })
    }

    /// Opens `source` and passes it to `read`.
    ///
    /// # Errors
    /// Fails if `source` cannot be opened, is stdin for the second time, or `read` fails.
    fn read<T>(
        &mut self,
        source: &Source,
        read: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> Result<T, CommandError> {
        source.refuse_secret()?;
        if *source == Source::Stdin && std::mem::replace(&mut self.stdin_is_used, true) {
            return Err(CommandError::usage("only one key can be read from stdin")
                .hint("give the others as files, or as open descriptors fd:N"));
        }
        let result = source.open().and_then(|mut file| read(&mut file));
        result.map_err(|error| read_error(source, error))
    }
}

/// Returns the error of reading `source`. Malformed data is the caller's mistake.
fn read_error(source: &Source, error: io::Error) -> CommandError {
    let kind = if error.kind() == io::ErrorKind::InvalidData { Kind::Usage } else { Kind::Environment };
    CommandError::new(kind, error).context(format!("cannot read {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stdin_descriptors_and_files_are_distinguished() {
        let parse = |text: &str| Source::parse(text.into());
        assert_eq!(parse("-"), Source::Stdin);
        assert_eq!(parse("fd:3"), Source::Descriptor(3));
        assert_eq!(parse("fd:x"), Source::File("fd:x".into()));
        assert_eq!(parse("/dev/fd/3"), Source::File("/dev/fd/3".into()));
    }

    #[test]
    fn stdin_is_read_only_once() {
        let mut inputs = Inputs { stdin_is_used: true };
        let error = inputs.secret(&Source::Stdin, 10).unwrap_err();
        assert_eq!(error.code(), 2);
        assert_eq!(error.lines().next().unwrap(), "ovseal: error: only one key can be read from stdin");
    }

    #[test]
    fn a_source_that_is_too_long_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, [b'a'; 11]).unwrap();
        let source = Source::File(path);
        assert_eq!(Inputs::default().text(&source, 11).unwrap().len(), 11);
        assert_eq!(Inputs::default().secret(&source, 11).unwrap().len(), 11);
        assert_eq!(Inputs::default().text(&source, 10).unwrap_err().code(), 2);
        assert_eq!(Inputs::default().secret(&source, 10).unwrap_err().code(), 2);
    }
}
