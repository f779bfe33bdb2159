//! `ovseal verify`.

use std::path::PathBuf;

use clap::Args;

use super::{KeyOptions, TrustOptions};

/// Verifies a container: its signature and digests without a key, with one also every tag
///
/// Without a key this shows who signed, and that nothing changed since. It does not show that the
/// content is what a holder of the key sealed. With neither --publisher nor a key it shows only
/// that the container is consistent in itself, which is also true of one that an attacker made.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The container
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    /// Print JSON: see docs/reference/json.md
    #[arg(long)]
    pub(crate) json: bool,
}
