//! `ovseal rollback-state`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{DeviceOptions, PinOptions};

/// Makes an empty rollback state, once for a device
///
/// In it the device remembers the highest security version that it accepted of each publisher's models. It stops older
/// containers from being run after newer ones. Whoever restores the whole disk is stopped with --tpm only.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("device").args(["tcti", "state", "tpm_pin_file"]).multiple(true).requires("tpm")))]
pub(crate) struct RollbackStateArgs {
    /// The file to make; it must not exist
    #[arg(short, long, value_name = "F")]
    pub(crate) output: PathBuf,

    /// Ties the state to a counter and a key in this device's TPM, which takes room for one counter
    #[arg(long)]
    pub(crate) tpm: bool,

    #[command(flatten)]
    pub(crate) pin: PinOptions,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}
