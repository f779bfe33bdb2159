//! The sealed cache of compiled models.

use std::path::Path;

use ovseal_frontend::device_secret;
use ovseal_openvino::{CompileCache, Loaded};

use super::RunArgs;
use super::strict;
use crate::errors::CommandError;
use crate::ui::Output;

/// Opens the cache, if `--cache-dir` specifies one. If that fails, warns and returns `None`.
pub(super) fn open(args: &RunArgs, output: &mut Output) -> Option<CompileCache> {
    match try_open(args.cache_dir.as_deref()?, args.cache_limit) {
        Ok(cache) => Some(cache),
        Err(error) => {
            warn(&error, output);
            None
        }
    }
}

/// Stores a model that did not come from the cache. Returns the report's word for the effect of
/// the cache.
pub(super) fn store(args: &RunArgs, loaded: &Loaded, output: &mut Output) -> Option<&'static str> {
    args.cache_dir.as_ref()?;
    if loaded.is_cached {
        return Some("hit");
    }
    let Some(slot) = &loaded.empty_slot else { return Some("miss") };
    // `loaded.store()` would also release the weights, but the process ends soon anyway.
    let stored = strict::check_export(args).and_then(|()| Ok(slot.store(&loaded.model)?));
    match stored {
        Ok(()) => Some("stored"),
        Err(error) => {
            warn(&error, output);
            Some("miss")
        }
    }
}

/// Warns that the cache is not used.
pub(super) fn warn(error: &CommandError, output: &mut Output) {
    output.warning(&format!("the cache is not used: {}", error.chain()));
}

fn try_open(directory: &Path, limit: Option<u64>) -> Result<CompileCache, CommandError> {
    let secret = device_secret(directory, None)?;
    let cache = CompileCache::open(directory, secret)?;
    Ok(match limit {
        Some(bytes) => cache.limit(bytes),
        None => cache,
    })
}
