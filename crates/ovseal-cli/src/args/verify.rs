//! `ovseal verify`.

use std::path::PathBuf;

use clap::Args;

use super::{KeyOptions, TrustOptions};

/// Verifies a container: its signature and digests without a key, with one also every tag
///
/// With neither --publisher nor a key this shows only that the container is consistent in itself, which is also true of
/// one that an attacker made.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The container
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,
}
