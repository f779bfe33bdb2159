//! `ovseal bind`.

use std::path::PathBuf;

use clap::Args;

use super::{BoundOptions, KeyOptions, Requirement, SenderOptions};
use crate::input::Source;

/// Binds a container to this device: adds a stanza that only its TPM opens
///
/// The key options open the container as it is. Afterwards every stanza is listed that opens without this device's TPM:
/// as long as there is one whose key can be had, a copied disk still opens.
#[derive(Debug, Args)]
pub(crate) struct BindArgs {
    /// The container, changed in place; a symbolic link is not followed
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) sender: SenderOptions,

    /// Demands the present values of these PCRs too, such as 0,2,4,7, besides what the device's key demands
    #[arg(long, value_name = "LIST", help_heading = "Device options")]
    pub(crate) pcr: Option<String>,

    /// Demands a new passphrase too, which is asked for: neither TPM nor passphrase alone opens the stanza
    #[arg(long, value_name = "BOTH", value_enum, help_heading = "Device options")]
    pub(crate) require: Option<Requirement>,

    /// Takes the new passphrase from a file; one line ending at its end is left out
    #[arg(long, value_name = "F", value_parser = Source::parser(), requires = "require")]
    #[arg(help_heading = "Device options")]
    pub(crate) new_passphrase_file: Option<Source>,

    #[command(flatten)]
    pub(crate) bounds: BoundOptions,

    /// Removes the stanza that the key options opened
    #[arg(long, conflicts_with = "side_file")]
    pub(crate) drop_distribution: bool,

    /// Writes the stanza beside the container, to FILE.keys, in place of those that stand there
    #[arg(long)]
    pub(crate) side_file: bool,

    /// Remove the stanzas that wait in FILE.rekey and that this program does not take over by
    /// itself
    #[arg(long, conflicts_with_all = ["finish_waiting", "side_file"])]
    pub(crate) discard_waiting: bool,

    /// Take over the stanzas that wait in FILE.rekey. Check first where that file comes from: an
    /// attacker can put the stanzas of another copy there
    #[arg(long, conflicts_with_all = ["side_file", "drop_distribution"])]
    pub(crate) finish_waiting: bool,

    /// Drops the distribution stanza even if no stanza is left but those of this device
    #[arg(long)]
    pub(crate) force: bool,
}
