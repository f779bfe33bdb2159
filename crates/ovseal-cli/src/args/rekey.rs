//! `ovseal rekey`.

use std::path::PathBuf;

use clap::Args;
use ovseal_hardware::sgx::SealingPolicy;

use super::{KeyOptions, Requirement, SenderOptions};
use crate::input::Source;

/// Changes who can open a container, without sealing it anew
///
/// It takes as long for a large container as for a small one. Removing a stanza does not revoke: whoever kept an old
/// copy still opens this payload. To revoke, seal anew with a higher security version.
#[derive(Debug, Args)]
pub(crate) struct RekeyArgs {
    /// The container, changed in place; a symbolic link is not followed
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) sender: SenderOptions,

    #[command(flatten)]
    pub(crate) changes: ChangeOptions,

    /// Adds devices so that both is needed, the TPM and the passphrase of --add-passphrase or --add-passphrase-file, which
    /// then opens nothing alone
    #[arg(long, value_name = "BOTH", value_enum, help_heading = "Changes")]
    pub(crate) require: Option<Requirement>,

    /// Allows post-quantum beside classical public keys
    #[arg(long)]
    pub(crate) allow_mixed: bool,

    /// Allows that only an SGX enclave's key is left: the model is lost when it changes, with microcode or the enclave
    #[arg(long)]
    pub(crate) allow_only_sgx: bool,
}

/// Which stanzas the container gets and which it loses; at least one.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ChangeOptions {
    /// Adds a public key, age1…, age1pq1…, a token's age1tag1… or a device's ovdev1…; may be repeated
    #[arg(long = "add-recipient", value_name = "R", help_heading = "Changes")]
    pub(crate) recipients: Vec<String>,

    /// Asks for a new passphrase, or makes one, and adds it
    #[arg(long, conflicts_with = "add_passphrase_file", help_heading = "Changes")]
    pub(crate) add_passphrase: bool,

    /// Adds the passphrase in a file
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Changes")]
    pub(crate) add_passphrase_file: Option<Source>,

    /// Adds the 32 bytes in a file; may be repeated
    #[arg(long = "add-keyfile", value_name = "F", value_parser = Source::parser(), help_heading = "Changes")]
    pub(crate) keyfiles: Vec<Source>,

    /// Adds a key of the SGX enclave in which this runs under Gramine: mrenclave, for this enclave alone, or mrsigner, for
    /// all of its signer
    #[arg(long, value_name = "POLICY", value_parser = policy, help_heading = "Changes")]
    pub(crate) add_sgx: Option<SealingPolicy>,

    /// Removes the stanza with this number, counted from 1 as inspect shows it; may be repeated
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Changes")]
    pub(crate) remove: Vec<u16>,

    /// Remove the stanzas that wait in FILE.rekey and that this program does not take over by
    /// itself
    #[arg(long, conflicts_with = "finish_waiting", help_heading = "Changes")]
    pub(crate) discard_waiting: bool,

    /// Take over the stanzas that wait in FILE.rekey. Check first where that file comes from: an
    /// attacker can put the stanzas of another copy there
    #[arg(long, conflicts_with = "remove", help_heading = "Changes")]
    pub(crate) finish_waiting: bool,
}

fn policy(word: &str) -> Result<SealingPolicy, String> {
    SealingPolicy::parse(word).ok_or_else(|| "expected mrenclave or mrsigner".into())
}
