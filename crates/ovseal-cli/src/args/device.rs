//! `ovseal device`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{DeviceOptions, PinOptions};
use crate::input::Source;

/// Makes, shows and approves the keys of a device, which its TPM holds
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    #[command(subcommand)]
    pub(crate) command: DeviceCommand,
}

/// What is done with the device's keys.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    Enroll(EnrollArgs),
    Status(StatusArgs),
    Approve(ApproveArgs),
    NextEpoch(NextEpochArgs),
}

/// Makes this device's keys in its TPM, once, and prints its recipient
///
/// Others seal to the recipient (ovdev1…) without a TPM. What stands in the folder is wrapped by the TPM and of no use
/// elsewhere. Without --pcr, --approver and --pin the key demands nothing but the TPM itself.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    /// Binds the key to the present values of these PCRs, such as 0,2,4,7; with --approver, to values of them that are approved
    #[arg(long, value_name = "LIST")]
    pub(crate) pcr: Option<String>,

    /// Accepts states that this approver signs: a file with the public key, as keygen --approver writes it
    #[arg(long, value_name = "PUB", requires = "pcr")]
    pub(crate) approver: Option<PathBuf>,

    /// Asks for a PIN, which is then needed whenever the key is used
    #[arg(long, conflicts_with = "tpm_pin_file")]
    pub(crate) pin: bool,

    #[command(flatten)]
    pub(crate) pin_options: PinOptions,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}

/// Shows the device's recipient, what its key demands, and its epoch and clock
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Shows the values of these PCRs too, as device approve takes them
    #[arg(long, value_name = "LIST")]
    pub(crate) pcr: Option<String>,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,

    /// Writes one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Approves a measured state: devices that were enrolled with this approver then open in it
///
/// Put the file into the folder of each such device, under a name that ends with .approval. An approval cannot be taken
/// back: it holds for every device with this approver and these registers.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The approver's private key, as keygen --approver writes it
    #[arg(long, value_name = "F", value_parser = Source::parser())]
    pub(crate) publisher_key: Source,

    /// The PCRs, with values as in 7=HEX; those without a value are read from this machine's TPM
    #[arg(long, value_name = "LIST")]
    pub(crate) pcr: String,

    /// The approval to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}

/// Begins the device's next epoch, for ever
///
/// What was sealed or bound with --until-epoch for earlier epochs is refused by the TPM from now on.
#[derive(Debug, Args)]
pub(crate) struct NextEpochArgs {
    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}
