//! `ovseal bind`: a stanza that only this device's TPM opens.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ovseal::{Inspection, OpenOptions, Opened, Recipient, RekeyError, RekeyOptions, StanzaSummary};
use ovseal_hardware::tpm2::{DeviceRecipient, Tpm2Summary};

use super::rekey;
use crate::errors::CommandError;
use crate::keys::recipients::NewPassphrase;
use crate::keys::tpm::{self, BoundOptions, Requirement};
use crate::keys::trust::{self, SenderOptions};
use crate::keys::{Inputs, KeyOptions, Keys, Source, needs, open_failure};
use crate::ui::{Output, prompt};

/// Bind a container to this device: add a stanza that only its TPM opens
///
/// The key options must open the container as it is now. bind then lists every stanza that opens
/// without this device's TPM. As long as anyone has the key for one of these, a copied disk still
/// opens.
#[derive(Debug, Args)]
pub(crate) struct BindArgs {
    /// The container, modified in place; symbolic links are not followed
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) sender: SenderOptions,

    /// Also require the current values of these PCRs, such as 0,2,4,7
    ///
    /// Required in addition to what the device's key requires.
    #[arg(long, value_name = "LIST", help_heading = "Device options")]
    pub(crate) pcr: Option<String>,

    /// Also require a new passphrase, asked for unless --new-passphrase-file is given; neither it
    /// nor the TPM opens the stanza on its own
    #[arg(long, value_name = "FACTORS", value_enum, help_heading = "Device options")]
    pub(crate) require: Option<Requirement>,

    /// Read the new passphrase from a file; a single trailing newline is ignored
    #[arg(long, value_name = "F", value_parser = Source::parser(), requires = "require")]
    #[arg(help_heading = "Device options")]
    pub(crate) new_passphrase_file: Option<Source>,

    #[command(flatten)]
    pub(crate) bounds: BoundOptions,

    /// Remove the stanza opened by the given key
    #[arg(long, conflicts_with = "side_file")]
    pub(crate) drop_distribution: bool,

    /// Write the stanza to FILE.keys instead of the container, replacing any stanzas in FILE.keys
    #[arg(long)]
    pub(crate) side_file: bool,

    /// Discard the pending stanzas in FILE.rekey that are not adopted automatically
    #[arg(long, conflicts_with_all = ["finish_waiting", "side_file"])]
    pub(crate) discard_waiting: bool,

    /// Adopt the pending stanzas in FILE.rekey. First check where that file came from: an attacker
    /// can put another copy's stanzas there
    #[arg(long, conflicts_with_all = ["side_file", "drop_distribution"])]
    pub(crate) finish_waiting: bool,

    /// With --drop-distribution, remove the stanza even if only this device's stanzas remain
    #[arg(long)]
    pub(crate) force: bool,
}

pub(super) fn run(args: &BindArgs, output: &mut Output) -> Result<(), CommandError> {
    let trust = trust::sender(&args.sender)?;
    trust::check_sender(&OpenOptions::new(trust.clone()), &args.container)?;
    let passphrase = new_passphrase(args)?;
    let (device, mut inputs) = (device(args)?, Inputs::default());
    let id = device.id();
    let keys = Keys::obtain(&args.keys, &args.container, &mut inputs)?;
    let recipient: Box<dyn Recipient> = match passphrase.obtain(&mut inputs, output)? {
        Some(passphrase) => Box::new(device.with_passphrase(Arc::new(passphrase))),
        None => Box::new(device),
    };
    let identities = keys.identities();
    // A stanza for this device's own key does not count as mixing, because that key never leaves
    // the device.
    let mut options = RekeyOptions::new()
        .trust(trust.clone())
        .allow_mixed(true)
        .add_recipient(&*recipient)
        .on_waiting(rekey::on_waiting(args.discard_waiting, args.finish_waiting))
        .kdf_limit(args.keys.kdf_limit);
    if args.drop_distribution {
        let opened = OpenOptions::new(trust).kdf_limit(args.keys.kdf_limit);
        let opened = opened.open(&args.container, &identities);
        let opened = opened.map_err(|error| keys.failure(&args.container, error))?;
        let (number, generation) = distribution(args, &opened, &id)?;
        options = options.remove_stanza(number).expect_generation(generation);
    }
    let rekeyed = if args.side_file {
        options.write_side_file(&args.container, &identities)
    } else {
        options.rekey(&args.container, &identities)
    };
    let rekeyed = rekeyed.map_err(|error| failure(&args.container, &keys, error))?;
    rekey::name_changes(&rekeyed, output);
    output.note(&format!("bound to device {}", tpm::short_id(&id)));
    warn_of_others(args, &id, output)
}

/// Returns this device's recipient, with the bounds from the options.
fn device(args: &BindArgs) -> Result<DeviceRecipient, CommandError> {
    let options = &args.keys.device;
    let list = args.pcr.as_deref().map(tpm::pcr_list).transpose()?;
    let (device, tpm) = (tpm::device(options)?, tpm::tpm(options)?);
    // A stanza bound to a missing TPM, or to one that no longer belongs to this device, would never
    // open.
    device.epoch(&tpm)?;
    let mut bounds = tpm::bounds(&args.bounds, Some(&tpm))?;
    if let Some(list) = list {
        bounds = bounds.pcr(tpm.pcr_values(&list)?);
    }
    Ok(device.recipient().with_bounds(bounds))
}

/// Returns the passphrase required together with the TPM, if there is one.
///
/// The passphrase is asked for last. If there is no terminal, this fails early.
fn new_passphrase(args: &BindArgs) -> Result<NewPassphrase<'_>, CommandError> {
    let (file, ask) = (args.new_passphrase_file.as_ref(), args.require.is_some());
    if ask && file.is_none() {
        prompt::expect_new_passphrase(NEW_PASSPHRASE_FILE)?;
    }
    Ok(NewPassphrase { file, file_option: NEW_PASSPHRASE_FILE, ask, options: "--new-passphrase-file F" })
}

/// Returns the number and generation of the stanza that the caller's key opened.
///
/// Unless forced, fails if removing the stanza would leave only this device's stanzas.
fn distribution(args: &BindArgs, opened: &Opened, id: &[u8; 32]) -> Result<(usize, u64), CommandError> {
    let Some(number) = opened.stanza() else {
        return Err(CommandError::usage("the key opens a stanza of the side file, not one in the container"));
    };
    let inspection = opened.inspection();
    let mut others = inspection.stanzas.iter().enumerate().filter(|(other, _)| *other != number);
    if !args.force && others.all(|(_, stanza)| is_of_device(stanza, id)) {
        return Err(CommandError::usage("only this device's stanzas would be left").hint(
            "add a recovery key first: ovseal rekey FILE --add-recipient RECIPIENT; or continue with --force",
        ));
    }
    Ok((number, inspection.generation))
}

/// Warns about each stanza that opens without this device's TPM.
fn warn_of_others(args: &BindArgs, id: &[u8; 32], output: &mut Output) -> Result<(), CommandError> {
    let inspection = Inspection::of(&args.container).map_err(|error| open_failure(&args.container, error))?;
    trust::warn_if_unsigned(&args.sender, &inspection.publishers, output);
    let places = [("stanza", Some(&inspection.stanzas)), ("side-file stanza", inspection.side_file.as_ref())];
    for (place, stanzas) in places {
        let others =
            stanzas.into_iter().flatten().enumerate().filter(|(_, stanza)| !is_of_device(stanza, id));
        for (number, stanza) in others {
            let (number, kind) = (number + 1, &stanza.stanza_type);
            let needs =
                needs::of_stanza(stanza).unwrap_or_else(|| "a key unknown to this version".to_owned());
            output.warning(&format!("{place} {number} ({kind}) opens without this TPM: it needs {needs}"));
        }
    }
    Ok(())
}

fn is_of_device(stanza: &StanzaSummary, id: &[u8; 32]) -> bool {
    let summary = Tpm2Summary::of(stanza.stanza_type.as_str(), &stanza.parameters);
    summary.is_some_and(|summary| summary.device == *id)
}

fn failure(container: &Path, keys: &Keys, error: RekeyError) -> CommandError {
    match error {
        RekeyError::Open(error) => keys.failure(container, error),
        RekeyError::RemoveFromSideFile => CommandError::usage("a side file cannot remove stanzas"),
        error => error.into(),
    }
}

const NEW_PASSPHRASE_FILE: &str = "--new-passphrase-file";
