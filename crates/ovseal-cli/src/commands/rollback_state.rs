//! `ovseal rollback-state`: creates an empty rollback state.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use ovseal::{RollbackError, RollbackState};
use ovseal_hardware::tpm2::TpmAnchor;

use crate::errors::usage::refuse_stdout;
use crate::errors::{CommandError, exists};
use crate::keys::Inputs;
use crate::keys::tpm::{self, DeviceOptions, PinOptions};
use crate::ui::Output;

/// Create an empty rollback state, once per device
///
/// The state records the highest security version that the device has accepted of each publisher's
/// models, so that older containers are rejected. With --tpm, a restored disk is also detected.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("device").args(["tcti", "state", "tpm_pin_file"]).multiple(true).requires("tpm")))]
pub(crate) struct RollbackStateArgs {
    /// Create this file; it must not exist
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Tie the state to a key and a new counter in this device's TPM
    #[arg(long)]
    pub(crate) tpm: bool,

    #[command(flatten)]
    pub(crate) pin: PinOptions,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}

pub(super) fn run(args: &RollbackStateArgs, output: &mut Output) -> Result<(), CommandError> {
    refuse_stdout(&args.output)?;
    let path = args.output.display();
    if args.tpm {
        let identity = tpm::identity(&args.device, &args.pin, &mut Inputs::default())?;
        created(RollbackState::create_anchored(&args.output, Arc::new(TpmAnchor::new(identity))))?;
        output.note(&format!("wrote the empty rollback state {path}, tied to this device's TPM"));
    } else {
        created(RollbackState::create(&args.output))?;
        output.note(&format!("wrote the empty rollback state {path}"));
    }
    Ok(())
}

fn created<T>(state: Result<T, RollbackError>) -> Result<T, CommandError> {
    state.map_err(|error| match error {
        RollbackError::Write { source, path } if source.kind() == io::ErrorKind::AlreadyExists => {
            exists(&path.display())
        }
        error => error.into(),
    })
}
