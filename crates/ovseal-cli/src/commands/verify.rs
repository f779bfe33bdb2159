//! `ovseal verify`: what can be said for a container.

use std::path::Path;

use ovseal::{Inspection, KeyId, OpenOptions, Verification};

use crate::args::VerifyArgs;
use crate::error::CommandError;
use crate::input::Inputs;
use crate::keys::{Keys, open_failure};
use crate::output::Output;
use crate::progress::Progress;
use crate::text::printable;
use crate::trust;

pub(super) fn run(args: &VerifyArgs, output: &mut Output) -> Result<(), CommandError> {
    let options = trust::open_options(&args.trust)?.kdf_limit(args.keys.kdf_limit);
    if args.keys.is_given() { with_key(args, options, output) } else { without_key(args, options, output) }
}

/// Lets `verify` work under a bar that is gone before anything is told.
fn with_progress<T>(container: &Path, options: OpenOptions, verify: impl FnOnce(&OpenOptions) -> T) -> T {
    let progress = Progress::of_file(container);
    verify(&options.progress(progress.callback()))
}

fn with_key(args: &VerifyArgs, options: OpenOptions, output: &mut Output) -> Result<(), CommandError> {
    let keys = Keys::given(&args.keys, &mut Inputs::default())?;
    let verified = with_progress(&args.container, options, |options| {
        options.verify_with_key(&args.container, &keys.identities())
    });
    let (verification, opened) = verified.map_err(|error| keys.failure(&args.container, error))?;
    match verification.publisher {
        Some(publisher) => output.line(&format!("authentic: signed by the trusted publisher {publisher}"))?,
        None => {
            output.line("intact: made by someone who knows the key or its recipient")?;
            claims(&verification.claimed_publishers, output)?;
        }
    }
    output.line(&format!("name: {}", printable(opened.manifest().name.as_str())))?;
    output.line(&format!("security version: {}", verification.security_version))?;
    trust::warn_of_any_sender(&args.trust, &opened, output);
    Ok(())
}

fn without_key(args: &VerifyArgs, options: OpenOptions, output: &mut Output) -> Result<(), CommandError> {
    if args.trust.publishers.is_empty() {
        refuse_unsigned(&args.container)?;
    }
    let verified = with_progress(&args.container, options, |options| options.verify(&args.container));
    let verification = verified.map_err(|error| open_failure(&args.container, error))?;
    match verification.publisher {
        Some(publisher) => authentic(publisher, &verification, output),
        None => consistent(&verification, output),
    }
}

/// Without a key and without a signature there is nothing that a check could rest on.
fn refuse_unsigned(container: &Path) -> Result<(), CommandError> {
    let inspection = Inspection::of(container).map_err(|error| open_failure(container, error))?;
    if inspection.publishers.is_empty() {
        return Err(CommandError::usage(
            "the container is not signed, so it cannot be verified without a key",
        )
        .hint("give a key with -i IDENTITY_FILE, -p, --passphrase-file F or --keyfile F"));
    }
    Ok(())
}

fn authentic(publisher: KeyId, verification: &Verification, output: &mut Output) -> Result<(), CommandError> {
    output.line(&format!("authentic: signed by the trusted publisher {publisher}"))?;
    output.line(&format!("security version: {}", verification.security_version))
}

fn consistent(verification: &Verification, output: &mut Output) -> Result<(), CommandError> {
    output.line("consistent, not authenticated")?;
    claims(&verification.claimed_publishers, output)?;
    output.warning("name the publisher with --publisher PUB to know whether the container is authentic");
    Ok(())
}

fn claims(publishers: &[KeyId], output: &mut Output) -> Result<(), CommandError> {
    if publishers.is_empty() {
        return output.line("not signed");
    }
    publishers.iter().try_for_each(|id| output.line(&format!("claims to be signed by {id}: not trusted")))
}
