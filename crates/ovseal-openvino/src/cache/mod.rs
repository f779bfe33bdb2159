//! Compiled models that are kept, sealed, from one start to the next.

mod blob;
mod entry;
mod error;
mod fields;
mod folder;
mod loaded;
mod processor;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal::{CacheKey, DeviceSecret, OpenError, Opened, PartMapping, UnverifiedMapping};

pub use error::CacheError;
pub use fields::Compilation;
pub use folder::{CacheEntry, CacheFolder, Cleared};

use crate::compiled::CompiledModel;
use crate::core::Core;
use crate::error::ModelError;
use crate::exported::ExportedModel;
use crate::facts::RuntimeFacts;
use crate::sealed::Opening;

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
    opening: Opening,
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
        Ok(Self { folder: CacheFolder::create(path)?, limit: None, opening: Opening::Auto, device })
    }

    /// Sets how many bytes all entries together may have. The ones that were not used for the longest time go first.
    #[must_use]
    pub fn limit(self, bytes: u64) -> Self {
        Self { limit: Some(bytes), ..self }
    }

    /// Sets when a compiled model is decrypted: before the runtime imports it, or while it does. [`Opening::Auto`] unless set.
    #[must_use]
    pub fn opening(self, opening: Opening) -> Self {
        Self { opening, ..self }
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
        let facts = core.facts(compilation.device).map_err(CacheError::Device)?;
        self.slot_for(&facts, opened, compilation)
    }

    /// Finds the place for a network that a runtime compiles through an interface of its own, C++ or Python.
    ///
    /// # Errors
    ///
    /// Those of [`slot`](Self::slot).
    pub fn slot_for<'a>(
        &'a self,
        runtime: &RuntimeFacts,
        opened: &Opened,
        compilation: &Compilation<'a>,
    ) -> Result<CacheSlot<'a>, CacheError> {
        let fields = fields::fields(runtime, opened, compilation)?;
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
    /// With an [overlapped](Opening::is_overlapped) opening the constants in it are decrypted while the runtime imports it; all else is
    /// found authentic before the runtime sees a byte. The model is handed out when everything was.
    #[must_use]
    pub fn load(&self, core: &Core) -> Option<Cached> {
        let bytes = self.start(self.cache.opening.is_overlapped(self.compilation.device))?;
        let is_locked = bytes.is_locked();
        let imported = self.import(core, &bytes);
        // What the runtime says of constants that are not authentic is a consequence, not the cause.
        self.sound(bytes.verify())?;
        match imported {
            Ok(model) => Some(Cached { model, is_locked }),
            Err(error) => {
                tracing::debug!(%error, "an entry of the cache was not used");
                self.discard();
                None
            }
        }
    }

    /// Decrypts the compiled model, if it is there and authentic, for a runtime that is called through another interface.
    ///
    /// An entry that is not authentic is removed. One that the runtime refuses is to be [discarded](Self::discard).
    #[must_use]
    pub fn read(&self) -> Option<PartMapping> {
        self.sound(self.start(false)?.verify())
    }

    /// Bytes of the entry, if it is there: the compiled model takes at most as many in memory.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        Some(entry::open(&self.path())?.metadata().ok()?.len())
    }

    /// Begins to decrypt the compiled model, if it is there.
    fn start(&self, is_overlapped: bool) -> Option<UnverifiedMapping> {
        let file = entry::open(&self.path())?;
        let bytes = self.sound(entry::read(&file, &self.key, is_overlapped))?;
        entry::touch(&file);
        Some(bytes)
    }

    /// What an entry gave; one that will never give anything is removed.
    fn sound<T>(&self, given: Result<T, OpenError>) -> Option<T> {
        let error = match given {
            Ok(given) => return Some(given),
            Err(error) => error,
        };
        tracing::debug!(%error, "an entry of the cache was not used");
        if entry::is_final(&error) {
            self.discard();
        }
        None
    }

    /// Removes the compiled model, because the runtime refused it.
    pub fn discard(&self) {
        folder::remove(&self.path());
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
        self.write(compiled.export().map_err(CacheError::Export)?)
    }

    /// Keeps what a runtime has exported, as [`store`](Self::store) does.
    ///
    /// # Errors
    ///
    /// Those of [`store`](Self::store).
    pub fn write(&self, exported: ExportedModel) -> Result<(), CacheError> {
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

    /// Imports what must not be handed out before all bytes were found authentic.
    fn import(&self, core: &Core, bytes: &UnverifiedMapping) -> Result<CompiledModel, ModelError> {
        let (device, properties) = (self.compilation.device, self.compilation.properties);
        let owner = Arc::new(bytes.hazmat_owner());
        if properties.is_empty() {
            return core.import(owner, device);
        }
        // Importing takes no properties. They are set on a core of its own, since they would stay on the caller's.
        Core::configured(core.runtime(), device, properties)?.import(owner, device)
    }

    fn name(&self) -> String {
        folder::name(&self.key.lookup_id())
    }

    fn path(&self) -> PathBuf {
        self.cache.folder.path().join(self.name())
    }
}

#[cfg(test)]
mod tests;
