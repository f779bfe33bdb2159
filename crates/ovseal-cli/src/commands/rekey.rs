//! `ovseal rekey`: other keys for the same container.

use std::path::Path;

use ovseal::{Inspection, OnWaiting, OpenOptions, RekeyError, RekeyOptions, Rekeyed, StanzaSummary};

use crate::args::RekeyArgs;
use crate::conversions::no_such_stanza;
use crate::error::CommandError;
use crate::input::Inputs;
use crate::keys::{Keys, open_failure};
use crate::output::Output;
use crate::recipients::{NewPassphrase, Recipients};
use crate::{needs, text, trust};

pub(super) fn run(args: &RekeyArgs, output: &mut Output) -> Result<(), CommandError> {
    let mut inputs = Inputs::default();
    let trust = trust::sender(&args.sender)?;
    trust::check_sender(&OpenOptions::new(trust.clone()), &args.container)?;
    let (removed, generation) = removed(args)?.unzip();
    let removed: Vec<usize> = removed.unwrap_or_default();
    let keys = Keys::obtain(&args.keys, &args.container, &mut inputs)?;
    let added = added(args, &mut inputs, output)?;
    let mut options = RekeyOptions::new()
        .trust(trust)
        .allow_mixed(args.allow_mixed)
        .allow_only_enclave(args.allow_only_sgx)
        .on_waiting(on_waiting(args.changes.discard_waiting, args.changes.finish_waiting))
        .kdf_limit(args.keys.kdf_limit);
    options = added.iter().fold(options, RekeyOptions::add_recipient);
    if let Some(generation) = generation {
        options = options.expect_generation(generation);
    }
    options = removed.iter().fold(options, |options, number| options.remove_stanza(*number));
    let rekeyed = options.rekey(&args.container, &keys.identities());
    let rekeyed = rekeyed.map_err(|error| failure(&args.container, &keys, error))?;
    warn_if_unsigned(args, output)?;
    name_changes(&rekeyed, output);
    let stanzas = text::plural(rekeyed.stanzas as u64, "stanza");
    output.note(&format!("rekeyed: generation {} with {stanzas}", rekeyed.generation));
    if !removed.is_empty() {
        output.warning(
            "removing a stanza does not revoke: whoever kept an old copy still opens this payload; \
             to revoke, seal anew with a higher --security-version",
        );
    }
    Ok(())
}

fn warn_if_unsigned(args: &RekeyArgs, output: &mut Output) -> Result<(), CommandError> {
    let inspection = Inspection::of(&args.container).map_err(|error| open_failure(&args.container, error))?;
    trust::warn_if_unsigned(&args.sender, &inspection.publishers, output);
    Ok(())
}

/// Returns what becomes of stanzas that wait next to the container, from the two options about
/// them.
pub(super) const fn on_waiting(discard: bool, finish: bool) -> OnWaiting {
    match (discard, finish) {
        (true, _) => OnWaiting::Discard,
        (_, true) => OnWaiting::Finish,
        _ => OnWaiting::Refuse,
    }
}

/// Names the stanzas that came and went.
pub(super) fn name_changes(rekeyed: &Rekeyed, output: &mut Output) {
    for (word, stanzas) in [("added", &rekeyed.added), ("removed", &rekeyed.removed)] {
        stanzas.iter().for_each(|stanza| output.note(&format!("{word}: {}", named(stanza))));
    }
}

fn named(stanza: &StanzaSummary) -> String {
    let kind = &stanza.stanza_type;
    match needs::of_stanza(stanza) {
        Some(needs) => format!("{kind}, which takes {needs}"),
        None => format!("{kind}, a type that this version does not know"),
    }
}

/// The stanzas to remove, counted from 0 as the library does, after a look at whether they are there, and the generation
/// in which they have these numbers.
fn removed(args: &RekeyArgs) -> Result<Option<(Vec<usize>, u64)>, CommandError> {
    if args.changes.remove.is_empty() {
        return Ok(None);
    }
    let inspection = Inspection::of(&args.container).map_err(|error| open_failure(&args.container, error))?;
    let numbers = args.changes.remove.iter().map(|number| usize::from(*number));
    let known = |number| {
        let exists = number <= inspection.stanzas.len();
        exists.then(|| number - 1).ok_or_else(|| no_such_stanza(number))
    };
    Ok(Some((numbers.map(known).collect::<Result<_, _>>()?, inspection.generation)))
}

fn added(args: &RekeyArgs, inputs: &mut Inputs, output: &mut Output) -> Result<Recipients, CommandError> {
    let changes = &args.changes;
    let mut recipients = Recipients::default();
    recipients.add_public_keys(&changes.recipients)?;
    recipients.add_keyfiles(&changes.keyfiles, inputs)?;
    if let Some(policy) = changes.add_sgx {
        recipients.add_enclave(policy)?;
    }
    let passphrase = NewPassphrase {
        file: changes.add_passphrase_file.as_ref(),
        file_option: "--add-passphrase-file",
        ask: changes.add_passphrase,
        options: "--add-passphrase or --add-passphrase-file F",
    };
    recipients.add_passphrase(&passphrase, args.require, inputs, output)?;
    Ok(recipients)
}

fn failure(path: &Path, keys: &Keys, error: RekeyError) -> CommandError {
    match error {
        RekeyError::Open(error) => keys.failure(path, error),
        error => error.into(),
    }
}
