//! `ovseal rollback-state`: an empty rollback state.

use ovseal::RollbackState;

use crate::args::RollbackStateArgs;
use crate::error::CommandError;
use crate::output::Output;
use crate::usage::refuse_stdout;

pub(super) fn run(args: &RollbackStateArgs, output: &mut Output) -> Result<(), CommandError> {
    refuse_stdout(&args.output)?;
    RollbackState::create(&args.output)?;
    output.note(&format!("wrote the empty rollback state {}", args.output.display()));
    Ok(())
}
