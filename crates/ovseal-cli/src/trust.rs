//! Whom the caller trusts, from the trust options.

use std::path::Path;

use ovseal::{Inspection, ModelName, OpenOptions, Publisher, Trust};

use crate::args::TrustOptions;
use crate::error::CommandError;
use crate::input::{Inputs, Source};
use crate::keys::open_failure;
use crate::output::Output;

const PUBLISHER_LIMIT: usize = 64 * 1024;

/// The library's options for opening, with trust and demands as the caller gives them.
///
/// # Errors
/// When a publisher's key cannot be read or is none, or the name is none.
pub(crate) fn open_options(options: &TrustOptions) -> Result<OpenOptions, CommandError> {
    let publishers = options.publishers.iter().map(|path| publisher(path)).collect::<Result<Vec<_>, _>>()?;
    let trust = if publishers.is_empty() { Trust::AnySender } else { Trust::Publishers(publishers) };
    let mut open = OpenOptions::new(trust);
    if let Some(name) = &options.name {
        open = open.name(ModelName::parse(name)?);
    }
    if let Some(version) = options.min_security_version {
        open = open.min_security_version(version);
    }
    Ok(open)
}

/// Warns when anyone at all could have made the container: it takes a public key, and no publisher was named.
///
/// # Errors
/// When the container can no longer be read.
pub(crate) fn warn_of_any_sender(
    options: &TrustOptions,
    container: &Path,
    output: &mut Output,
) -> Result<(), CommandError> {
    if !options.publishers.is_empty() {
        return Ok(());
    }
    let inspection = Inspection::of(container).map_err(|error| open_failure(container, error))?;
    if inspection.stanzas.iter().any(|stanza| matches!(stanza.kind.as_str(), "x-wing" | "x25519")) {
        output.warning(
            "the sender is not known: anyone can seal to a public key; name the publisher with --publisher",
        );
    }
    Ok(())
}

fn publisher(path: &Path) -> Result<Publisher, CommandError> {
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
