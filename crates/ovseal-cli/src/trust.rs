//! Whom the caller trusts, from the trust options.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ovseal::{KeyId, ModelName, OpenOptions, Opened, Publisher, RecipientClass, StanzaSummary, Trust};

use crate::args::{SenderOptions, TrustOptions};
use crate::error::CommandError;
use crate::input::{Inputs, Source};
use crate::keys::open_failure;
use crate::output::Output;

const PUBLISHER_LIMIT: usize = 64 * 1024;

/// Reads whom the caller trusts; [`Trust::SharedSecret`] if no option says it.
///
/// # Errors
/// When a publisher's key cannot be read or is none.
pub(crate) fn sender(options: &SenderOptions) -> Result<Trust, CommandError> {
    if options.any_sender {
        return Ok(Trust::AnySender);
    }
    let publishers = options.publishers.iter().map(|path| publisher(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(if publishers.is_empty() { Trust::SharedSecret } else { Trust::Publishers(publishers) })
}

/// The library's options for opening, with trust and demands as the caller gives them.
///
/// # Errors
/// When a publisher's key cannot be read or is none, or the name is none.
pub(crate) fn open_options(options: &TrustOptions) -> Result<OpenOptions, CommandError> {
    with_demands(options, sender(&options.sender)?)
}

/// Returns the options for a command that only looks at a container and says by itself what it could not check.
///
/// # Errors
/// As [`open_options`].
pub(crate) fn look_options(options: &TrustOptions) -> Result<OpenOptions, CommandError> {
    let trust = if options.sender.is_given() { sender(&options.sender)? } else { Trust::AnySender };
    with_demands(options, trust)
}

/// Fails if the container wants a sender to be named and none is, before a key is read or asked for.
///
/// # Errors
/// The library's, with the name of the file.
pub(crate) fn check_sender(options: &OpenOptions, container: &Path) -> Result<(), CommandError> {
    options.check_sender(container).map_err(|error| open_failure(container, error))
}

/// Warns about a container for passphrases and key files that was opened although no sender is named.
pub(crate) fn warn_if_unsigned(options: &SenderOptions, claimed: &[KeyId], output: &mut Output) {
    if options.is_given() {
        return;
    }
    let what = if claimed.is_empty() { "not signed" } else { "signature not checked" };
    output.warning(&format!(
        "{what}: anyone for whom the container was ever sealed or rekeyed can have made it"
    ));
}

fn with_demands(options: &TrustOptions, trust: Trust) -> Result<OpenOptions, CommandError> {
    let mut open = OpenOptions::new(trust);
    if let Some(name) = &options.name {
        open = open.name(ModelName::parse(name)?);
    }
    if let Some(version) = options.min_security_version {
        open = open.min_security_version(version);
    }
    Ok(open)
}

/// Warns when anyone at all could have made the container: it takes a public key, or a kind of key that is not known
/// here and may be public, and no publisher was named.
pub(crate) fn warn_of_any_sender(options: &TrustOptions, opened: &Opened, output: &mut Output) {
    let inspection = opened.inspection();
    let mut stanzas = inspection.stanzas.iter().chain(inspection.side_file.iter().flatten());
    if options.sender.publishers.is_empty() && stanzas.any(is_for_anyone) {
        output.warning(
            "the sender is not known: anyone can seal to a public key; name the publisher with --publisher",
        );
    }
}

fn is_for_anyone(stanza: &StanzaSummary) -> bool {
    stanza.stanza_type.class() != Some(RecipientClass::SymmetricOrLocal)
}

/// The publisher that an argument names, `PUB` or `PUB:NAME`.
///
/// Paths and names may contain colons. So the argument is read in every way, and exactly one must
/// name a file that is there: a file that someone adds cannot change who is trusted.
fn publisher(argument: &Path) -> Result<Publisher, CommandError> {
    let mut readings = readings(argument).into_iter().filter(|(path, _)| path.exists());
    match (readings.next(), readings.next()) {
        (Some(_), Some(_)) => {
            let message = format!("--publisher {} names more than one file", argument.display());
            Err(CommandError::usage(message)
                .hint("rename the files so that PUB:NAME can be read in one way only"))
        }
        (Some((path, Some(name))), None) => Ok(publisher_at(path)?.only_for(&ModelName::parse(name)?)),
        (Some((path, None)), None) => publisher_at(path),
        (None, _) => publisher_at(argument),
    }
}

/// The path and the name in an argument, cut at none and at each of its colons.
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
