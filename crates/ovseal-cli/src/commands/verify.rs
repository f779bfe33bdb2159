//! `ovseal verify`: what can be said for a container.

use std::path::Path;

use ovseal::{Inspection, OpenOptions, Verification};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::error::CommandError;
use crate::input::Inputs;
use crate::keys::{Keys, open_failure};
use crate::output::Output;
use crate::progress::Progress;
use crate::text::printable;
use crate::{json, trust};

pub(super) fn run(args: &VerifyArgs, output: &mut Output) -> Result<(), CommandError> {
    let options = trust::look_options(&args.trust)?.kdf_limit(args.keys.kdf_limit);
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

/// What a successful verification showed.
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
        if json {
            json::write(self, output)
        } else {
            self.lines().iter().try_for_each(|line| output.line(line))
        }
    }

    /// The facts for people. Only what a key or a trusted publisher vouches for is told besides the
    /// claims.
    fn lines(&self) -> Vec<String> {
        let first = match (&self.publisher, self.content_verified) {
            (Some(id), true) => format!("authentic: signed by the trusted publisher {id}"),
            (Some(id), false) => format!("signed by {id}; the content was not verified: that takes a key"),
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
