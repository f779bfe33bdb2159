//! `ovseal inspect`: shows what is known about a container.

mod compiled;
mod facts;

use std::path::PathBuf;

use clap::Args;
use facts::Facts;
use ovseal::Inspection;

use crate::errors::CommandError;
use crate::keys::trust::{self, TrustOptions};
use crate::keys::{Inputs, KeyOptions, Keys, open_failure};
use crate::ui::Output;

/// Show what is known about a container
///
/// Without a key, this shows what anyone can read, none of it authenticated. With a key, it also
/// shows the name and the parts, which are authentic.
#[derive(Debug, Args)]
#[command(mut_arg("any_sender", trust::is_default))]
pub(crate) struct InspectArgs {
    /// The container
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    /// Print JSON: see docs/reference/json.md
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn run(args: &InspectArgs, output: &mut Output) -> Result<(), CommandError> {
    let facts = if args.keys.is_given() { opened(args)? } else { public(args)? };
    if args.json {
        return output.json(&facts);
    }
    facts.lines().iter().try_for_each(|line| output.line(line))
}

fn public(args: &InspectArgs) -> Result<Facts, CommandError> {
    if args.trust.is_given() {
        return Err(CommandError::usage("inspect authenticates nothing without a key")
            .hint("check the signature with ovseal verify, or give a key"));
    }
    let inspection = Inspection::of(&args.container);
    Ok(Facts::public(&inspection.map_err(|error| open_failure(&args.container, error))?))
}

fn opened(args: &InspectArgs) -> Result<Facts, CommandError> {
    let options = trust::look_options(&args.trust)?.kdf_limit(args.keys.kdf_limit);
    let keys = Keys::given(&args.keys, &mut Inputs::default())?;
    let opened = options.open(&args.container, &keys.identities());
    let opened = opened.map_err(|error| keys.failure(&args.container, error))?;
    Facts::opened(&opened).map_err(|error| keys.failure(&args.container, error))
}
