//! The senders that the caller trusts, and what the caller requires of the model.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::{Arg, Args};
use ovseal::{KeyId, ModelName, OpenOptions, Opened, Publisher, RecipientClass, StanzaSummary, Trust};

use super::{Inputs, Source, open_failure};
use crate::errors::CommandError;
use crate::ui::Output;

/// Who must have signed the container.
#[derive(Debug, Args)]
pub(crate) struct SenderOptions {
    /// Require a signature by the publisher with this public key file; if repeated, by any one of
    /// them. PUB:NAME trusts that key only for the model NAME
    #[arg(long = "publisher", value_name = "PUB[:NAME]", help_heading = "Trust options")]
    pub(crate) publishers: Vec<PathBuf>,

    /// Accept a container from anyone, without checking a signature
    ///
    /// Give --publisher or --any-sender, unless only passphrases and key files open the container.
    #[arg(long, conflicts_with = "publishers", help_heading = "Trust options")]
    pub(crate) any_sender: bool,
}

/// Who must have signed the container, and what it must contain.
#[derive(Debug, Args)]
pub(crate) struct TrustOptions {
    #[command(flatten)]
    pub(crate) sender: SenderOptions,

    /// Require the model to have this name; needs --publisher
    #[arg(long, value_name = "NAME", help_heading = "Trust options")]
    pub(crate) name: Option<String>,

    /// Require at least this security version; needs --publisher
    #[arg(long, value_name = "N", help_heading = "Trust options")]
    pub(crate) min_security_version: Option<u64>,
}

impl SenderOptions {
    /// Returns whether the caller specifies who may have made the container.
    pub(crate) fn is_given(&self) -> bool {
        !self.publishers.is_empty() || self.any_sender
    }
}

impl TrustOptions {
    /// Returns whether anything is required.
    pub(crate) fn is_given(&self) -> bool {
        self.sender.is_given() || self.name.is_some() || self.min_security_version.is_some()
    }
}

/// Shortens the help of `--any-sender`, for a command that accepts any sender by default.
pub(crate) fn is_default(any_sender: Arg) -> Arg {
    any_sender.long_help(None::<&str>)
}

const PUBLISHER_LIMIT: usize = 64 * 1024;

/// Returns the trusted senders; [`Trust::SharedSecret`] without any option.
///
/// # Errors
/// Fails if a publisher's key cannot be read or parsed.
pub(crate) fn sender(options: &SenderOptions) -> Result<Trust, CommandError> {
    if options.any_sender {
        return Ok(Trust::AnySender);
    }
    let publishers = options.publishers.iter().map(|path| publisher(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(if publishers.is_empty() { Trust::SharedSecret } else { Trust::Publishers(publishers) })
}

/// Returns the library's options for opening, with the caller's trust and requirements.
///
/// # Errors
/// Fails if a publisher's key cannot be read or parsed, or the name is malformed.
pub(crate) fn open_options(options: &TrustOptions) -> Result<OpenOptions, CommandError> {
    with_requirements(options, sender(&options.sender)?)
}

/// Returns the options for a command that only inspects a container, and reports what it did not
/// check.
///
/// # Errors
/// Any error of [`open_options`].
pub(crate) fn look_options(options: &TrustOptions) -> Result<OpenOptions, CommandError> {
    let trust = if options.sender.is_given() { sender(&options.sender)? } else { Trust::AnySender };
    with_requirements(options, trust)
}

/// Checks that a sender is specified if the container requires that, before any key is read.
///
/// # Errors
/// Fails with the library's error and the name of the file.
pub(crate) fn check_sender(options: &OpenOptions, container: &Path) -> Result<(), CommandError> {
    options.check_sender(container).map_err(|error| open_failure(container, error))
}

/// Warns about a container opened without specifying a sender.
pub(crate) fn warn_if_unsigned(options: &SenderOptions, claimed: &[KeyId], output: &mut Output) {
    if options.is_given() {
        return;
    }
    let what = if claimed.is_empty() { "not signed" } else { "signature not checked" };
    output.warning(&format!(
        "{what}: anyone for whom the container was ever sealed or rekeyed could have made it"
    ));
}

fn with_requirements(options: &TrustOptions, trust: Trust) -> Result<OpenOptions, CommandError> {
    let mut open = OpenOptions::new(trust);
    if let Some(name) = &options.name {
        open = open.name(ModelName::parse(name)?);
    }
    if let Some(version) = options.min_security_version {
        open = open.min_security_version(version);
    }
    Ok(open)
}

/// Warns if anyone could have made the container.
///
/// That is the case if no publisher was specified and a stanza is for a public key. A key of an
/// unknown kind counts as public.
pub(crate) fn warn_of_any_sender(options: &TrustOptions, opened: &Opened, output: &mut Output) {
    let inspection = opened.inspection();
    let mut stanzas = inspection.stanzas.iter().chain(inspection.side_file.iter().flatten());
    if options.sender.publishers.is_empty() && stanzas.any(is_for_anyone) {
        output.warning(
            "the sender is unknown: anyone can seal to a public key; name the publisher with --publisher",
        );
    }
}

fn is_for_anyone(stanza: &StanzaSummary) -> bool {
    stanza.stanza_type.class() != Some(RecipientClass::SymmetricOrLocal)
}

/// Returns the publisher that an argument specifies, `PUB` or `PUB:NAME`.
///
/// Paths and names may contain colons. All ways to split the argument are tried, and exactly one
/// must point to an existing file. So adding a file cannot change who is trusted.
fn publisher(argument: &Path) -> Result<Publisher, CommandError> {
    let mut readings = readings(argument).into_iter().filter(|(path, _)| path.exists());
    match (readings.next(), readings.next()) {
        (Some(_), Some(_)) => {
            let message = format!("--publisher {} could mean more than one file", argument.display());
            Err(CommandError::usage(message).hint("rename the files so that PUB:NAME has only one meaning"))
        }
        (Some((path, Some(name))), None) => Ok(publisher_at(path)?.only_for(&ModelName::parse(name)?)),
        (Some((path, None)), None) => publisher_at(path),
        (None, _) => publisher_at(argument),
    }
}

/// Returns every split of an argument into path and name: none, and one at each colon.
fn readings(argument: &Path) -> Vec<(&Path, Option<&str>)> {
    let bytes = argument.as_os_str().as_bytes();
    let colons = bytes.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    let cut = |at: usize| {
        let (path, name) = (&bytes[..at], str::from_utf8(&bytes[at + 1..]).ok()?);
        Some((Path::new(OsStr::from_bytes(path)), Some(name)))
    };
    std::iter::once((argument, None)).chain(colons.filter_map(cut)).collect()
}

fn publisher_at(path: &Path) -> Result<Publisher, CommandError> {
    let text = Inputs::default().text(&Source::File(path.into()), PUBLISHER_LIMIT)?;
    Publisher::parse(&text).map_err(|error| {
        let error = CommandError::from(error).context(format!("cannot use {}", path.display()));
        if text.contains("PRIVATE KEY") {
            error.hint("this is a private key: give the .pub file")
        } else {
            error
        }
    })
}
