//! `ovseal inspect`.

use std::path::PathBuf;

use clap::Args;

use super::{KeyOptions, TrustOptions};

/// Shows what a container is
///
/// Without a key, what anyone can see; none of it is authenticated. With a key also the name and the parts, which are
/// authentic.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The container
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    /// Writes one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
