//! `ovseal cache`: what is in a cache of compiled models, and emptying it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ovseal_openvino::{CacheEntry, CacheFolder};
use serde::Serialize;

use crate::args::{CacheArgs, CacheCommand};
use crate::error::CommandError;
use crate::output::Output;
use crate::{json, text};

pub(super) fn run(args: &CacheArgs, output: &mut Output) -> Result<(), CommandError> {
    match &args.command {
        CacheCommand::List(args) => list(&args.cache_dir, args.json, output),
        CacheCommand::Clear(args) => clear(&args.cache_dir, output),
    }
}

fn list(folder: &Path, as_json: bool, output: &mut Output) -> Result<(), CommandError> {
    let entries = CacheFolder::existing(folder)?.entries()?;
    if as_json {
        return json::write(&Listing::new(&entries), output);
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

fn clear(folder: &Path, output: &mut Output) -> Result<(), CommandError> {
    let cleared = CacheFolder::existing(folder)?.clear()?;
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
