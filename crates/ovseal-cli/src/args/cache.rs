//! `ovseal cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Lists or empties a cache of compiled models
///
/// `ovseal run --cache-dir DIR` keeps compiled models there, each sealed for this device and its model. A cache may be removed at any
/// time: the next run compiles again.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

/// What is done with a cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    List(CacheListArgs),
    Clear(CacheClearArgs),
}

/// Lists the compiled models in a cache, the one that was used last first
///
/// Of which models they are can be seen only with those models' keys.
#[derive(Debug, Args)]
pub(crate) struct CacheListArgs {
    /// The folder of the cache
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: PathBuf,

    /// Writes one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Removes all compiled models from a cache
///
/// Other files in the folder stay.
#[derive(Debug, Args)]
pub(crate) struct CacheClearArgs {
    /// The folder of the cache
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: PathBuf,
}
