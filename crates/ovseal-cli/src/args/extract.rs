//! `ovseal extract`.

use std::path::PathBuf;

use clap::Args;

use super::{KeyOptions, TrustOptions};

/// Writes the parts of a container to a folder, in plaintext
///
/// What is written there is no longer protected. Nothing appears before all parts are known to be authentic, no symbolic
/// link inside the folder is followed, and files are readable for their owner alone.
#[derive(Debug, Args)]
pub(crate) struct ExtractArgs {
    /// The container
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    /// The folder for the plaintext; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) danger_write_plaintext: PathBuf,

    /// Replace existing files
    ///
    /// A symbolic link, a pipe, a device and a file that was read, such as the key or the container, are never replaced.
    #[arg(long)]
    pub(crate) force: bool,
}
