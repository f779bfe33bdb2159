//! `ovseal rekey`: changes the keys that open a container.

use std::path::{Path, PathBuf};

use clap::Args;
use ovseal::{Inspection, OnWaiting, OpenOptions, RekeyError, RekeyOptions, Rekeyed, StanzaSummary};
use ovseal_hardware::sgx::SealingPolicy;

use crate::errors::{CommandError, no_such_stanza};
use crate::keys::recipients::{NewPassphrase, Recipients};
use crate::keys::tpm::Requirement;
use crate::keys::trust::{self, SenderOptions};
use crate::keys::{Inputs, KeyOptions, Keys, Source, needs, open_failure};
use crate::ui::{Output, text};

/// Change who can open a container, without sealing it again
///
/// This takes the same time for a container of any size. Removing a stanza does not revoke access:
/// its key still opens an old copy with this payload. To revoke, seal again without that recipient
/// and with a higher security version.
#[derive(Debug, Args)]
pub(crate) struct RekeyArgs {
    /// The container, modified in place; symbolic links are not followed
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) sender: SenderOptions,

    #[command(flatten)]
    pub(crate) changes: ChangeOptions,

    /// Require both the added device's TPM and the new passphrase; neither opens the container on
    /// its own
    #[arg(long, value_name = "FACTORS", value_enum, help_heading = "Changes")]
    pub(crate) require: Option<Requirement>,

    /// Allow classical public keys next to post-quantum ones
    #[arg(long)]
    pub(crate) allow_mixed: bool,

    /// Allow a container that only an SGX enclave's key opens
    ///
    /// The model is lost when that key changes, which happens with new microcode or a new enclave.
    #[arg(long)]
    pub(crate) allow_only_sgx: bool,
}

/// The stanzas to add and to remove, at least one in total.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ChangeOptions {
    /// Add a public key: age1…, age1pq1…, a token's age1tag1… or a device's ovdev1…; may be
    /// repeated
    #[arg(long = "add-recipient", value_name = "RECIPIENT", help_heading = "Changes")]
    pub(crate) recipients: Vec<String>,

    /// Add a new passphrase: ask for it, or generate one if the answer is empty
    #[arg(long, conflicts_with = "add_passphrase_file", help_heading = "Changes")]
    pub(crate) add_passphrase: bool,

    /// Add the passphrase in a file; a single trailing newline is ignored
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Changes")]
    pub(crate) add_passphrase_file: Option<Source>,

    /// Add the 32-byte key file F; may be repeated
    #[arg(long = "add-keyfile", value_name = "F", value_parser = Source::parser(), help_heading = "Changes")]
    pub(crate) keyfiles: Vec<Source>,

    /// Add a key of this SGX enclave, which must run under Gramine
    ///
    /// mrenclave: only this enclave. mrsigner: every enclave of the same signer.
    #[arg(long, value_name = "POLICY", value_parser = policy, help_heading = "Changes")]
    pub(crate) add_sgx: Option<SealingPolicy>,

    /// Remove the stanza with this number, counted from 1 as in inspect; may be repeated
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Changes")]
    pub(crate) remove: Vec<u16>,

    /// Discard the pending stanzas in FILE.rekey that are not adopted automatically
    #[arg(long, conflicts_with = "finish_waiting", help_heading = "Changes")]
    pub(crate) discard_waiting: bool,

    /// Adopt the pending stanzas in FILE.rekey. First check where that file came from: an attacker
    /// can put stanzas of another copy there
    #[arg(long, conflicts_with = "remove", help_heading = "Changes")]
    pub(crate) finish_waiting: bool,
}

fn policy(word: &str) -> Result<SealingPolicy, String> {
    SealingPolicy::parse(word).ok_or_else(|| "expected mrenclave or mrsigner".into())
}

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
            "removing a stanza does not revoke access: an old copy still opens this payload; \
             to revoke, seal the model again with a higher --security-version",
        );
    }
    Ok(())
}

fn warn_if_unsigned(args: &RekeyArgs, output: &mut Output) -> Result<(), CommandError> {
    let inspection = Inspection::of(&args.container).map_err(|error| open_failure(&args.container, error))?;
    trust::warn_if_unsigned(&args.sender, &inspection.publishers, output);
    Ok(())
}

/// Returns the decision about the pending stanzas next to the container.
pub(super) const fn on_waiting(discard: bool, finish: bool) -> OnWaiting {
    match (discard, finish) {
        (true, _) => OnWaiting::Discard,
        (_, true) => OnWaiting::Finish,
        _ => OnWaiting::Refuse,
    }
}

/// Reports the added and removed stanzas.
pub(super) fn name_changes(rekeyed: &Rekeyed, output: &mut Output) {
    for (word, stanzas) in [("added", &rekeyed.added), ("removed", &rekeyed.removed)] {
        stanzas.iter().for_each(|stanza| output.note(&format!("{word}: {}", named(stanza))));
    }
}

fn named(stanza: &StanzaSummary) -> String {
    let kind = &stanza.stanza_type;
    match needs::of_stanza(stanza) {
        Some(needs) => format!("{kind}, which needs {needs}"),
        None => format!("{kind}, a type unknown to this version"),
    }
}

/// Returns the stanzas to remove, counted from 0 as in the library, and their generation.
///
/// Fails if the container does not have one of them.
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
        // The library counts from 0, users count from 1.
        RekeyError::NoSuchStanza(number) => no_such_stanza(number + 1),
        error => error.into(),
    }
}
