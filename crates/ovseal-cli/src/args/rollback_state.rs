//! `ovseal rollback-state`.

use std::path::PathBuf;

use clap::Args;

/// Makes an empty rollback state, once for a device
///
/// In it the device remembers the highest security version that it accepted of each publisher's models. It stops older
/// containers from being run after newer ones, but not someone who restores the whole disk.
#[derive(Debug, Args)]
pub(crate) struct RollbackStateArgs {
    /// The file to make; it must not exist
    #[arg(short, long, value_name = "F")]
    pub(crate) output: PathBuf,
}
