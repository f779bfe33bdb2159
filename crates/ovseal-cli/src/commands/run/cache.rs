//! The sealed cache of compiled models, as a run uses it.

use std::path::Path;

use ovseal::Opened;
use ovseal_frontend::device_secret;
use ovseal_openvino::{CacheError, CacheSlot, Compilation, CompileCache, CompiledModel, Core, PartialShape};

use super::subject::forbids_swap;
use crate::args::RunArgs;
use crate::errors::{CommandError, Kind};
use crate::ui::Output;

/// The cache that the caller asks for, if there is one that can be used.
pub(super) struct Cache<'a> {
    args: &'a RunArgs,
    shapes: Vec<(&'a str, PartialShape)>,
    cache: Option<CompileCache>,
}

/// A model that is ready to infer, and its place in the cache.
pub(super) struct Loaded<'c> {
    pub(super) compiled: CompiledModel,
    pub(super) slot: Option<CacheSlot<'c>>,
    /// Whether it came out of the cache.
    pub(super) is_hit: bool,
}

impl<'c> Loaded<'c> {
    /// What was compiled, with the place where it is to be kept.
    pub(super) fn compiled(compiled: CompiledModel, slot: Option<CacheSlot<'c>>) -> Self {
        if slot.is_some() {
            compiled.keep_weights();
        }
        Self { compiled, slot, is_hit: false }
    }

    /// Whether it is still to be written into the cache.
    pub(super) fn is_to_be_kept(&self) -> bool {
        self.slot.is_some() && !self.is_hit
    }
}

impl<'a> Cache<'a> {
    /// Opens the cache. Where that fails the model is loaded without it, and the reason is told.
    pub(super) fn open(args: &'a RunArgs, output: &mut Output) -> Self {
        let cache = args.cache_dir.as_deref().map(|folder| open(folder, args.cache_limit));
        let cache = cache.and_then(|cache| cache.map_err(|error| warn(&error, output)).ok());
        let cache = cache.map(|cache| cache.opening(args.opening.into()));
        let shape = |(name, extents): &'a (String, Vec<usize>)| (name.as_str(), PartialShape::fixed(extents));
        Self { args, shapes: args.shapes.iter().map(shape).collect(), cache }
    }

    /// The place of the model in the cache.
    pub(super) fn slot(&self, core: &Core, opened: &Opened, output: &mut Output) -> Option<CacheSlot<'_>> {
        let compilation = Compilation {
            part: self.args.part.as_deref(),
            device: &self.args.device,
            properties: &[],
            shapes: &self.shapes,
        };
        match self.cache.as_ref()?.slot(core, opened, &compilation) {
            Ok(slot) => Some(slot),
            // Loading the model fails for the same reason, and tells it.
            Err(CacheError::Container(_)) => None,
            Err(error) => {
                warn(&error.into(), output);
                None
            }
        }
    }

    /// Keeps what was compiled, and says what the cache did, in the word of the report.
    pub(super) fn keep(&self, loaded: &Loaded<'_>, output: &mut Output) -> Option<&'static str> {
        self.args.cache_dir.as_ref()?;
        if loaded.is_hit {
            return Some("hit");
        }
        let Some(slot) = &loaded.slot else { return Some("miss") };
        match self.store(slot, &loaded.compiled) {
            Ok(()) => Some("stored"),
            Err(error) => {
                warn(&error, output);
                Some("miss")
            }
        }
    }

    fn store(&self, slot: &CacheSlot<'_>, compiled: &CompiledModel) -> Result<(), CommandError> {
        // What the runtime exports stands in memory that is not locked.
        if forbids_swap(self.args) {
            let why = "refused by --strict: what is exported for it could be swapped to disk";
            return Err(CommandError::message(Kind::Denied, why));
        }
        Ok(slot.store(compiled)?)
    }
}

fn open(folder: &Path, limit: Option<u64>) -> Result<CompileCache, CommandError> {
    let secret = device_secret(folder, None)?;
    let cache = CompileCache::open(folder, secret)?;
    Ok(match limit {
        Some(bytes) => cache.limit(bytes),
        None => cache,
    })
}

fn warn(error: &CommandError, output: &mut Output) {
    output.warning(&format!("the cache is not used: {}", error.chain()));
}
