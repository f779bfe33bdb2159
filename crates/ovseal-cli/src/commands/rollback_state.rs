//! `ovseal rollback-state`: an empty rollback state.

use std::sync::Arc;

use ovseal::RollbackState;
use ovseal_hardware::tpm2::TpmAnchor;

use crate::args::RollbackStateArgs;
use crate::error::CommandError;
use crate::input::Inputs;
use crate::output::Output;
use crate::tpm;
use crate::usage::refuse_stdout;

pub(super) fn run(args: &RollbackStateArgs, output: &mut Output) -> Result<(), CommandError> {
    refuse_stdout(&args.output)?;
    let path = args.output.display();
    if args.tpm {
        let identity = tpm::identity(&args.device, &args.pin, &mut Inputs::default())?;
        RollbackState::create_anchored(&args.output, Arc::new(TpmAnchor::new(identity)))?;
        output.note(&format!("wrote the empty rollback state {path}, tied to this device's TPM"));
    } else {
        RollbackState::create(&args.output)?;
        output.note(&format!("wrote the empty rollback state {path}"));
    }
    Ok(())
}
