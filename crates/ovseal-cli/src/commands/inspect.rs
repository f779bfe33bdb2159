//! `ovseal inspect`: what a container is.

mod compiled;
mod facts;

use facts::Facts;
use ovseal::Inspection;

use crate::args::InspectArgs;
use crate::error::CommandError;
use crate::input::Inputs;
use crate::keys::{Keys, open_failure};
use crate::output::Output;
use crate::{json, trust};

pub(super) fn run(args: &InspectArgs, output: &mut Output) -> Result<(), CommandError> {
    let facts = if args.keys.is_given() { opened(args)? } else { public(args)? };
    if args.json {
        return json::write(&facts, output);
    }
    facts.lines().iter().try_for_each(|line| output.line(line))
}

fn public(args: &InspectArgs) -> Result<Facts, CommandError> {
    if args.trust.is_given() {
        return Err(CommandError::usage("without a key, inspect authenticates nothing")
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
