//! Compiled models that are kept, sealed, from one start to the next.

mod entry;
mod error;
mod fields;
mod folder;
mod loaded;
mod processor;

use std::path::{Path, PathBuf};

use ovseal::{CacheKey, DeviceSecret, Opened};
use ovseal_memory::ModelMemory;

pub use error::CacheError;
pub use fields::Compilation;
pub use folder::{CacheEntry, CacheFolder, Cleared};

use crate::compiled::CompiledModel;
use crate::core::Core;
use entry::EntryError;

/// A folder with compiled models, each in a container of its own.
///
/// An entry can be opened, and made, only with the data key of the model from which it was compiled together with the
/// secret of this device. So it is looked up after the model's container has been opened: signature, version, key and
/// manifest of the model have passed then. The names of the files tell nothing.
///
/// The cache is never needed: what does not fit, is damaged or was put there by others counts as not there, and is replaced.
/// Several processes may use one folder.
#[derive(Debug)]
pub struct CompileCache {
    folder: CacheFolder,
    limit: Option<u64>,
    device: DeviceSecret,
}

/// The place of one compiled model in a cache.
pub struct CacheSlot<'a> {
    cache: &'a CompileCache,
    compilation: Compilation<'a>,
    key: CacheKey,
}

/// A compiled model that came out of the cache.
pub struct Cached {
    /// The model.
    pub model: CompiledModel,
    /// Whether the bytes that it reads are locked into memory, so that they cannot be swapped to a disk.
    pub is_locked: bool,
}

/// What a cache did for a compilation.
#[derive(Debug)]
pub enum CacheOutcome {
    /// The compiled model was there: the container's payload was not read, nothing was compiled.
    Hit,
    /// It was not there, and is now.
    Stored,
    /// It was not there, and could not be kept.
    NotStored(CacheError),
}

impl CompileCache {
    /// Uses the folder at `path`, which is made with mode 0700 if it is not there.
    ///
    /// # Errors
    ///
    /// [`CacheError::Folder`].
    pub fn open(path: &Path, device: DeviceSecret) -> Result<Self, CacheError> {
        Ok(Self { folder: CacheFolder::create(path)?, limit: None, device })
    }

    /// Sets how many bytes all entries together may have. The ones that were not used for the longest time go first.
    #[must_use]
    pub fn limit(self, bytes: u64) -> Self {
        Self { limit: Some(bytes), ..self }
    }

    /// Finds the place for a network of an opened container, compiled in a certain way.
    ///
    /// It loads the device's plugin, if that has not happened yet.
    ///
    /// # Errors
    ///
    /// [`CacheError`] when it cannot be told on what the compiled model depends, or there is no such network or device.
    pub fn slot<'a>(
        &'a self,
        core: &Core,
        opened: &Opened,
        compilation: &Compilation<'a>,
    ) -> Result<CacheSlot<'a>, CacheError> {
        let fields = fields::fields(core, opened, compilation)?;
        let fields: Vec<(&str, &[u8])> = fields.iter().map(|(name, value)| (*name, &value[..])).collect();
        let key = opened.cache_key(&self.device, &fields);
        Ok(CacheSlot { cache: self, compilation: *compilation, key })
    }

    /// Takes the compiled model from the cache, or lets `compile` make it and keeps it.
    ///
    /// Call [`Opened::accept`] afterwards, as after every opening.
    ///
    /// # Errors
    ///
    /// Those of `compile`, never one of the cache.
    pub fn compile<E>(
        &self,
        core: &Core,
        opened: &Opened,
        compilation: &Compilation<'_>,
        compile: impl FnOnce() -> Result<CompiledModel, E>,
    ) -> Result<(CompiledModel, CacheOutcome), E> {
        let slot = match self.slot(core, opened, compilation) {
            Ok(slot) => slot,
            Err(error) => return Ok((compile()?, CacheOutcome::NotStored(error))),
        };
        if let Some(cached) = slot.load(core) {
            return Ok((cached.model, CacheOutcome::Hit));
        }
        let compiled = compile()?;
        let outcome = slot.store(&compiled).map_or_else(CacheOutcome::NotStored, |()| CacheOutcome::Stored);
        Ok((compiled, outcome))
    }
}

impl CacheSlot<'_> {
    /// Imports the compiled model, if it is there and authentic. An entry that is not, or that the runtime refuses, is
    /// removed.
    ///
    /// All of it is decrypted into memory, and found authentic, before the runtime sees a byte.
    #[must_use]
    pub fn load(&self, core: &Core) -> Option<Cached> {
        let path = self.path();
        let file = entry::open(&path)?;
        let imported = entry::read(&file, &self.key).and_then(|bytes| self.import(core, bytes));
        if let Err(error) = &imported {
            tracing::debug!(%error, "an entry of the cache was not used");
        }
        match imported {
            Ok(cached) => {
                entry::touch(&file);
                Some(cached)
            }
            Err(error) => {
                if error.is_final() {
                    folder::remove(&path);
                }
                None
            }
        }
    }

    /// Keeps a compiled model for the next time, and removes others if the cache would become too large.
    ///
    /// The plaintext that the runtime exports stays in memory. The runtime hands the weights' own memory to the system for
    /// that: weights that are decrypted on demand must be there before.
    ///
    /// # Errors
    ///
    /// [`CacheError`]; the cache is as it was then, apart from what was removed to make room.
    pub fn store(&self, compiled: &CompiledModel) -> Result<(), CacheError> {
        let exported = compiled.export().map_err(CacheError::Export)?;
        let length = entry::length(exported.as_ref().len() as u64);
        let name = self.name();
        self.cache.folder.remove_abandoned();
        if let Some(limit) = self.cache.limit {
            let rest = limit.checked_sub(length).ok_or(CacheError::TooLarge { length, limit })?;
            self.cache.folder.make_room(rest, &name);
        }
        entry::write(&self.path(), &self.key, exported)?;
        // Others may have stored something meanwhile.
        if let Some(limit) = self.cache.limit {
            self.cache.folder.make_room(limit.saturating_sub(length), &name);
        }
        Ok(())
    }

    fn import(&self, core: &Core, bytes: ModelMemory) -> Result<Cached, EntryError> {
        let is_locked = bytes.is_locked();
        let (device, properties) = (self.compilation.device, self.compilation.properties);
        let bytes = std::sync::Arc::new(bytes);
        let model = if properties.is_empty() {
            core.import(bytes, device)
        } else {
            // Importing takes no properties. They are set on a core of its own, since they would stay on the caller's.
            Core::configured(core.runtime(), device, properties).and_then(|core| core.import(bytes, device))
        };
        Ok(Cached { model: model?, is_locked })
    }

    fn name(&self) -> String {
        folder::name(&self.key.lookup_id())
    }

    fn path(&self) -> PathBuf {
        self.cache.folder.path().join(self.name())
    }
}
