//! `ovseal device`: the keys in this device's TPM.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ovseal_hardware::tpm2::{
    ApprovalError, Approver, ApproverKey, Device, DevicePolicy, EnrollOptions, PcrDemand, PcrValues, Tpm,
};
use serde_json::{Value, json};

use crate::errors::CommandError;
use crate::errors::usage::refuse_stdout;
use crate::keys::tpm::{self, DeviceOptions, PinOptions};
use crate::keys::{Inputs, Source};
use crate::ui::{NewFile, Output, PUBLIC, refuse_existing};

/// Create, show and approve the keys in this device's TPM
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    #[command(subcommand)]
    pub(crate) command: DeviceCommand,
}

/// The commands for the device's keys.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    Enroll(EnrollArgs),
    Status(StatusArgs),
    Approve(ApproveArgs),
    /// Begin the device's next epoch; this cannot be undone
    ///
    /// The TPM then refuses everything sealed or bound with --until-epoch to an earlier epoch.
    NextEpoch {
        #[command(flatten)]
        device: DeviceOptions,
    },
}

/// Create this device's keys in its TPM, once, and print its recipient
///
/// Others can seal to the recipient (ovdev1…) without a TPM. The files in the state directory are
/// wrapped by the TPM and useless elsewhere. Without --pcr, --approver or --pin, the key requires
/// only the TPM.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    /// Bind the key to the current values of these PCRs, such as 0,2,4,7
    ///
    /// With --approver, bind it to approved values instead.
    #[arg(long, value_name = "LIST")]
    pub(crate) pcr: Option<String>,

    /// Accept states signed by this approver, given its public key file from keygen --approver
    #[arg(long, value_name = "PUB", requires = "pcr")]
    pub(crate) approver: Option<PathBuf>,

    /// Ask for a PIN, which is then required for every use of the key
    #[arg(long, conflicts_with = "tpm_pin_file")]
    pub(crate) pin: bool,

    #[command(flatten)]
    pub(crate) pin_options: PinOptions,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}

/// Show the device's recipient, what its key requires, and its epoch and clock
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Also show the values of these PCRs, in the form that device approve accepts
    #[arg(long, value_name = "LIST")]
    pub(crate) pcr: Option<String>,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,

    /// Print JSON: see docs/reference/json.md
    #[arg(long)]
    pub(crate) json: bool,
}

/// Approve a measured state, for devices enrolled with this approver
///
/// Put the file into the state directory of each such device, under a name that ends with
/// .approval. An approval cannot be revoked: it holds for every device with this approver and these
/// PCRs.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// Sign with the approver's private key from keygen --approver
    #[arg(long, value_name = "F", value_parser = Source::parser())]
    pub(crate) publisher_key: Source,

    /// Approve these PCRs, with values such as 7=HEX; omitted values are read from this device's
    /// TPM
    #[arg(long, value_name = "LIST")]
    pub(crate) pcr: String,

    /// Write the approval to FILE
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}

const KEY_LIMIT: usize = 4096;

pub(super) fn run(args: &DeviceArgs, output: &mut Output) -> Result<(), CommandError> {
    match &args.command {
        DeviceCommand::Enroll(args) => enroll(args, output),
        DeviceCommand::Status(args) => status(args, output),
        DeviceCommand::Approve(args) => approve(args, output),
        DeviceCommand::NextEpoch { device } => next_epoch(device, output),
    }
}

fn enroll(args: &EnrollArgs, output: &mut Output) -> Result<(), CommandError> {
    let (directory, tpm) = (tpm::directory(&args.device)?, tpm::tpm(&args.device)?);
    let policy = policy(args, &tpm)?;
    let pin = tpm::new_pin(args.pin, &args.pin_options, &mut Inputs::default())?;
    let options = EnrollOptions::new(policy);
    let options = pin.iter().fold(options, |options, pin| options.pin(pin.expose()));
    let device = options.enroll(&tpm, &directory)?;
    output.note(&format!("enrolled: the device's files are in {}; back them up", directory.display()));
    if !device.recipient().has_policy() {
        output.note("the key requires nothing but this TPM; --pcr, --approver and --pin add requirements");
    }
    output.line(&device.recipient().to_string())
}

fn policy(args: &EnrollArgs, tpm: &Tpm) -> Result<DevicePolicy, CommandError> {
    let Some(list) = args.pcr.as_deref().map(tpm::pcr_list).transpose()? else {
        return Ok(DevicePolicy::default());
    };
    // The values are read even with an approver: a disabled bank must fail here, before a key
    // depends on it.
    let values = tpm.pcr_values(&list)?;
    Ok(match &args.approver {
        Some(path) => DevicePolicy::default().approved(list, approver(path)?),
        None => DevicePolicy::default().pcr(values),
    })
}

fn approver(path: &Path) -> Result<Approver, CommandError> {
    let text = Inputs::default().text(&Source::File(path.into()), KEY_LIMIT)?;
    Approver::parse(&text)
        .map_err(|error| CommandError::from(error).context(format!("cannot use {}", path.display())))
}

fn status(args: &StatusArgs, output: &mut Output) -> Result<(), CommandError> {
    let list = args.pcr.as_deref().map(tpm::pcr_list).transpose()?;
    let (device, tpm) = (tpm::device(&args.device)?, tpm::tpm(&args.device)?);
    let (epoch, clock) = (device.epoch(&tpm)?, tpm.clock()?);
    let values = list.map(|list| tpm.pcr_values(&list)).transpose()?;
    if args.json {
        return output.json(&facts(&device, epoch, clock, values.as_ref()));
    }
    output.line(&format!("device:     {}", base16ct::lower::encode_string(&device.id())))?;
    output.line(&format!("recipient:  {}", device.recipient()))?;
    output.line(&format!("needs:      {}", requirements(&device)))?;
    output.line(&format!("epoch:      {epoch}"))?;
    output.line(&format!("clock:      {clock} ms"))?;
    values.iter().try_for_each(|values| output.line(&format!("state:      {}", state(values))))
}

fn facts(device: &Device, epoch: u64, clock: u64, values: Option<&PcrValues>) -> Value {
    json!({
        "device": base16ct::lower::encode_string(&device.id()),
        "recipient": device.recipient().to_string(),
        "pcr": device.pcr_list().map(|list| list.numbers().to_vec()),
        "has_approver": device.has_approver(),
        "has_pin": device.has_pin(),
        "epoch": epoch,
        "clock_ms": clock,
        "state": values.map(state),
    })
}

fn requirements(device: &Device) -> String {
    let mut requirements = vec!["this TPM".to_owned()];
    if let Some(list) = device.pcr_list() {
        let how = if device.has_approver() { "as approved" } else { "as at enrolment" };
        requirements.push(format!("PCR {list} {how}"));
    }
    if device.has_pin() {
        requirements.push("the PIN".to_owned());
    }
    requirements.join(", ")
}

/// Returns PCRs with their values, in the form for `device approve --pcr`.
fn state(values: &PcrValues) -> String {
    let words: Vec<String> = values
        .iter()
        .map(|(number, value)| format!("{number}={}", base16ct::lower::encode_string(value)))
        .collect();
    words.join(",")
}

fn approve(args: &ApproveArgs, output: &mut Output) -> Result<(), CommandError> {
    refuse_stdout(&args.output)?;
    refuse_existing(&args.output)?;
    let demand = PcrDemand::parse(&args.pcr)?;
    let key = approver_key(&args.publisher_key)?;
    let read =
        demand.open().map(|list| tpm::tpm(&args.device)?.pcr_values(&list).map_err(CommandError::from));
    let values = demand.complete(read.transpose()?.as_ref());
    let values = values.ok_or_else(|| CommandError::usage("a PCR has no value"))?;
    let list = values.list();
    let approval = key.approve(values)?;
    NewFile::write(args.output.clone(), PUBLIC, &[approval.encode().as_bytes()])?.commit()?;
    output.note(&format!("wrote {}: it approves this state of PCR {list}", args.output.display()));
    Ok(())
}

fn approver_key(source: &Source) -> Result<ApproverKey, CommandError> {
    let pem = Inputs::default().secret(source, KEY_LIMIT)?;
    let unusable = |error| {
        CommandError::from(error)
            .context(format!("cannot use {source}"))
            .hint("create an approver's key: ovseal keygen --approver -o FILE")
    };
    let text = std::str::from_utf8(pem.expose());
    let text = text.map_err(|_| unusable(ApprovalError::Private))?;
    ApproverKey::parse(text).map_err(unusable)
}

fn next_epoch(options: &DeviceOptions, output: &mut Output) -> Result<(), CommandError> {
    let epoch = tpm::device(options)?.advance_epoch(&tpm::tpm(options)?)?;
    output.note("the TPM now refuses everything sealed to earlier epochs");
    output.line(&epoch.to_string())
}
