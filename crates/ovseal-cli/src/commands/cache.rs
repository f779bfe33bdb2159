//! `ovseal cache`: lists and clears a cache of compiled models.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use ovseal_openvino::{CacheEntry, CacheFolder};
use serde::Serialize;

use crate::errors::CommandError;
use crate::ui::{Output, text};

/// List or clear a cache of compiled models
///
/// `ovseal run --cache-dir DIR` keeps compiled models in DIR, encrypted with the model's key and a
/// per-device secret. You can delete a cache at any time: the next run compiles again.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

/// The commands for a cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List the compiled models in a cache, most recently used first
    ///
    /// Entries do not show which model they belong to: only the model's key reveals that.
    List {
        /// Use the cache in DIR
        #[arg(long, value_name = "DIR")]
        cache_dir: PathBuf,

        /// Print JSON: see docs/reference/json.md
        #[arg(long)]
        json: bool,
    },
    /// Remove all compiled models from a cache
    ///
    /// Other files in the directory are kept.
    Clear {
        /// Use the cache in DIR
        #[arg(long, value_name = "DIR")]
        cache_dir: PathBuf,
    },
}

pub(super) fn run(args: &CacheArgs, output: &mut Output) -> Result<(), CommandError> {
    match &args.command {
        CacheCommand::List { cache_dir, json } => list(cache_dir, *json, output),
        CacheCommand::Clear { cache_dir } => clear(cache_dir, output),
    }
}

fn list(directory: &Path, as_json: bool, output: &mut Output) -> Result<(), CommandError> {
    let entries = CacheFolder::existing(directory)?.entries()?;
    if as_json {
        return output.json(&Listing::new(&entries));
    }
    if entries.is_empty() {
        output.note("the cache is empty");
    }
    let now = SystemTime::now();
    entries.iter().try_for_each(|entry| {
        let used = now.duration_since(entry.used).unwrap_or_default();
        output.line(&format!("{}  {:>12}  {}", entry.name, text::bytes(entry.length), text::ago(used)))
    })
}

fn clear(directory: &Path, output: &mut Output) -> Result<(), CommandError> {
    let cleared = CacheFolder::existing(directory)?.clear()?;
    let (models, bytes) =
        (text::plural(cleared.entries as u64, "compiled model"), text::bytes(cleared.bytes));
    output.note(&format!("removed {models}, {bytes}"));
    Ok(())
}

/// The listing; its field names are part of the command's interface.
#[derive(Serialize)]
struct Listing<'e> {
    entries: Vec<Listed<'e>>,
    length: u64,
}

#[derive(Serialize)]
struct Listed<'e> {
    name: &'e str,
    length: u64,
    /// Seconds since 1970-01-01 00:00:00 UTC.
    used: u64,
}

impl<'e> Listing<'e> {
    fn new(entries: &'e [CacheEntry]) -> Self {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let listed = |entry: &'e CacheEntry| Listed {
            name: &entry.name,
            length: entry.length,
            used: seconds(entry.used),
        };
        Self {
            entries: entries.iter().map(listed).collect(),
            length: entries.iter().map(|entry| entry.length).sum(),
        }
    }
}
