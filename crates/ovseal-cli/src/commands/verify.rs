//! `ovseal verify`: checks a container's signature, digests and tags.

use std::path::{Path, PathBuf};

use clap::Args;
use ovseal::{Inspection, OpenOptions, Verification};
use serde::Serialize;

use crate::errors::CommandError;
use crate::keys::trust::{self, TrustOptions};
use crate::keys::{Inputs, KeyOptions, Keys, open_failure};
use crate::ui::text::printable;
use crate::ui::{Output, Progress};

/// Verify a container: its signature and digests and, with a key, every tag
///
/// Without a key, this shows who signed the container, and that the signed model has not changed
/// since. It does not show that a holder of the key sealed the content. Anyone who can open the
/// container may have changed the stanzas. With neither --publisher nor a key, it shows only that
/// the container is consistent, which an attacker's container can also be.
#[derive(Debug, Args)]
#[command(mut_arg("any_sender", trust::is_default))]
pub(crate) struct VerifyArgs {
    /// The container
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    /// Print JSON: see docs/reference/json.md
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn run(args: &VerifyArgs, output: &mut Output) -> Result<(), CommandError> {
    let options = trust::look_options(&args.trust)?.kdf_limit(args.keys.kdf_limit);
    if args.keys.is_given() { with_key(args, options, output) } else { without_key(args, options, output) }
}

/// Runs `verify` with a progress bar, which disappears before anything is printed.
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
    let facts = Facts::of(&verification, Some(opened.manifest().name.as_str()));
    facts.write(args.json, output)?;
    trust::warn_of_any_sender(&args.trust, &opened, output);
    Ok(())
}

fn without_key(args: &VerifyArgs, options: OpenOptions, output: &mut Output) -> Result<(), CommandError> {
    if args.trust.sender.publishers.is_empty() {
        refuse_unsigned(&args.container)?;
    }
    let verified = with_progress(&args.container, options, |options| options.verify(&args.container));
    let verification = verified.map_err(|error| open_failure(&args.container, error))?;
    Facts::of(&verification, None).write(args.json, output)?;
    if verification.publisher.is_none() {
        output.warning("name the publisher with --publisher PUB to know whether the container is authentic");
    }
    Ok(())
}

/// Fails if the container is not signed: without a key, there would be nothing to check.
fn refuse_unsigned(container: &Path) -> Result<(), CommandError> {
    let inspection = Inspection::of(container).map_err(|error| open_failure(container, error))?;
    if inspection.publishers.is_empty() {
        return Err(CommandError::usage(
            "the container is not signed, so it cannot be verified without a key",
        )
        .hint("give a key with -i F, -p, --passphrase-file F or --keyfile F"));
    }
    Ok(())
}

/// The facts that a successful verification establishes.
#[derive(Serialize)]
struct Facts {
    content_verified: bool,
    publisher: Option<String>,
    claimed_publishers: Vec<String>,
    name: Option<String>,
    security_version: u64,
}

impl Facts {
    fn of(verification: &Verification, name: Option<&str>) -> Self {
        Self {
            content_verified: verification.content_verified,
            publisher: verification.publisher.map(|id| id.to_string()),
            claimed_publishers: verification.claimed_publishers.iter().map(ToString::to_string).collect(),
            name: name.map(str::to_owned),
            security_version: verification.security_version,
        }
    }

    fn write(&self, json: bool, output: &mut Output) -> Result<(), CommandError> {
        if json { output.json(self) } else { self.lines().iter().try_for_each(|line| output.line(line)) }
    }

    /// Returns the facts in words: those for which a key or a trusted publisher vouches, and mere
    /// claims.
    fn lines(&self) -> Vec<String> {
        let first = match (&self.publisher, self.content_verified) {
            (Some(id), true) => format!("authentic: signed by the trusted publisher {id}"),
            (Some(id), false) => format!("signed by {id}; the content was not verified, which needs a key"),
            (None, true) => "intact: made by someone who knows the key or its recipient".to_owned(),
            (None, false) => "consistent, not authenticated".to_owned(),
        };
        let claims = self.claims().into_iter().filter(|_| self.publisher.is_none());
        let name = self.name.iter().map(|name| format!("name: {}", printable(name)));
        let is_vouched_for = self.content_verified || self.publisher.is_some();
        let version = is_vouched_for.then(|| format!("security version: {}", self.security_version));
        std::iter::once(first).chain(claims).chain(name).chain(version).collect()
    }

    fn claims(&self) -> Vec<String> {
        if self.claimed_publishers.is_empty() {
            return vec!["not signed".to_owned()];
        }
        let claim = |id: &String| format!("claims to be signed by {id}: not trusted");
        self.claimed_publishers.iter().map(claim).collect()
    }
}
