//! `ovseal bind`: a stanza that only this device's TPM opens.

use std::path::Path;
use std::sync::Arc;

use ovseal::{Inspection, OpenOptions, Opened, Recipient, RekeyError, RekeyOptions, StanzaSummary};
use ovseal_hardware::tpm2::{DeviceRecipient, Tpm2Summary};

use super::rekey;
use crate::args::BindArgs;
use crate::error::{CommandError, Kind};
use crate::input::Inputs;
use crate::keys::{Keys, open_failure};
use crate::output::Output;
use crate::recipients::NewPassphrase;
use crate::{needs, prompt, tpm, trust};

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
    // A stanza of this device's key does not mix keys: it never leaves the device.
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

/// This device with the bounds that the options name.
fn device(args: &BindArgs) -> Result<DeviceRecipient, CommandError> {
    let options = &args.keys.device;
    let list = args.pcr.as_deref().map(tpm::pcr_list).transpose()?;
    let (device, tpm) = (tpm::device(options)?, tpm::tpm(options)?);
    // Whatever is bound to a TPM that is not there, or no longer the device's, would never open.
    device.epoch(&tpm)?;
    let mut bounds = tpm::bounds(&args.bounds, Some(&tpm))?;
    if let Some(list) = list {
        bounds = bounds.pcr(tpm.pcr_values(&list)?);
    }
    Ok(device.recipient().with_bounds(bounds))
}

/// The passphrase that is needed beside the TPM, if one is required. It is asked for last; whether it can be is found out first.
fn new_passphrase(args: &BindArgs) -> Result<NewPassphrase<'_>, CommandError> {
    let (file, ask) = (args.new_passphrase_file.as_ref(), args.require.is_some());
    if ask && file.is_none() {
        prompt::expect_new_passphrase(NEW_PASSPHRASE_FILE)?;
    }
    Ok(NewPassphrase { file, file_option: NEW_PASSPHRASE_FILE, ask, options: "--new-passphrase-file F" })
}

/// The number and the generation of the stanza that the caller's key opened, if another one than this device's is left
/// without it.
fn distribution(args: &BindArgs, opened: &Opened, id: &[u8; 32]) -> Result<(usize, u64), CommandError> {
    let Some(number) = opened.stanza() else {
        return Err(CommandError::usage("the key opens a stanza of the side file, not one of the container"));
    };
    let inspection = opened.inspection();
    let mut others = inspection.stanzas.iter().enumerate().filter(|(other, _)| *other != number);
    if !args.force && others.all(|(_, stanza)| is_of_device(stanza, id)) {
        return Err(CommandError::usage("no stanza but this device's would be left")
            .hint("add a recovery key first: ovseal rekey FILE --add-recipient R, or go on with --force"));
    }
    Ok((number, inspection.generation))
}

/// Lists what opens the container without this device's TPM.
fn warn_of_others(args: &BindArgs, id: &[u8; 32], output: &mut Output) -> Result<(), CommandError> {
    let inspection = Inspection::of(&args.container).map_err(|error| open_failure(&args.container, error))?;
    trust::warn_if_unsigned(&args.sender, &inspection.publishers, output);
    let places = [("stanza", Some(&inspection.stanzas)), ("side-file stanza", inspection.side_file.as_ref())];
    for (place, stanzas) in places {
        let others =
            stanzas.into_iter().flatten().enumerate().filter(|(_, stanza)| !is_of_device(stanza, id));
        for (number, stanza) in others {
            let (number, kind) = (number + 1, &stanza.stanza_type);
            let needs = needs::of_stanza(stanza)
                .unwrap_or_else(|| "a key that this version does not know".to_owned());
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
        RekeyError::RemoveFromSideFile => {
            CommandError::message(Kind::Usage, "a side file cannot remove stanzas")
        }
        error => error.into(),
    }
}

const NEW_PASSPHRASE_FILE: &str = "--new-passphrase-file";
