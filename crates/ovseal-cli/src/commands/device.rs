//! `ovseal device`: the keys that this device's TPM holds.

use std::path::Path;

use ovseal_hardware::tpm2::{
    Approver, ApproverKey, Device, DevicePolicy, EnrollOptions, PcrDemand, PcrValues, Tpm,
};
use serde_json::{Value, json};

use crate::args::{ApproveArgs, DeviceArgs, DeviceCommand, EnrollArgs, NextEpochArgs, StatusArgs};
use crate::error::CommandError;
use crate::input::{Inputs, Source};
use crate::new_file::{NewFile, PUBLIC, refuse_existing};
use crate::output::Output;
use crate::usage::refuse_stdout;
use crate::{json, tpm};

const KEY_LIMIT: usize = 4096;

pub(super) fn run(args: &DeviceArgs, output: &mut Output) -> Result<(), CommandError> {
    match &args.command {
        DeviceCommand::Enroll(args) => enroll(args, output),
        DeviceCommand::Status(args) => status(args, output),
        DeviceCommand::Approve(args) => approve(args, output),
        DeviceCommand::NextEpoch(args) => next_epoch(args, output),
    }
}

fn enroll(args: &EnrollArgs, output: &mut Output) -> Result<(), CommandError> {
    let (folder, tpm) = (tpm::folder(&args.device)?, tpm::tpm(&args.device)?);
    let policy = policy(args, &tpm)?;
    let pin = tpm::new_pin(args.pin, &args.pin_options, &mut Inputs::default())?;
    let options = EnrollOptions::new(policy);
    let options = pin.iter().fold(options, |options, pin| options.pin(pin.expose()));
    let device = options.enroll(&tpm, &folder)?;
    output.note(&format!("enrolled: the device's files are in {}, keep a copy of them", folder.display()));
    if !device.recipient().has_policy() {
        output.note("the key demands nothing but this TPM: --pcr, --approver or --pin would demand more");
    }
    output.line(&device.recipient().to_string())
}

fn policy(args: &EnrollArgs, tpm: &Tpm) -> Result<DevicePolicy, CommandError> {
    let Some(list) = args.pcr.as_deref().map(tpm::pcr_list).transpose()? else {
        return Ok(DevicePolicy::default());
    };
    // Also with an approver: a bank that is not in use is found out before a key depends on it.
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
        return json::write(&facts(&device, epoch, clock, values.as_ref()), output);
    }
    output.line(&format!("device:     {}", base16ct::lower::encode_string(&device.id())))?;
    output.line(&format!("recipient:  {}", device.recipient()))?;
    output.line(&format!("needs:      {}", demands(&device)))?;
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

fn demands(device: &Device) -> String {
    let mut demands = vec!["this TPM".to_owned()];
    if let Some(list) = device.pcr_list() {
        let how = if device.has_approver() { "as approved" } else { "as at enrolment" };
        demands.push(format!("PCR {list} {how}"));
    }
    if device.has_pin() {
        demands.push("the PIN".to_owned());
    }
    demands.join(", ")
}

/// Registers with their values, as `device approve --pcr` takes them.
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
            .hint("make an approver's key with: ovseal keygen --approver -o F")
    };
    let text = std::str::from_utf8(pem.expose());
    let text = text.map_err(|_| unusable(ovseal_hardware::tpm2::ApprovalError::Private))?;
    ApproverKey::parse(text).map_err(unusable)
}

fn next_epoch(args: &NextEpochArgs, output: &mut Output) -> Result<(), CommandError> {
    let device = tpm::device(&args.device)?;
    let epoch = device.advance_epoch(&tpm::tpm(&args.device)?)?;
    output.note("what was sealed for earlier epochs is refused from now on");
    output.line(&epoch.to_string())
}
