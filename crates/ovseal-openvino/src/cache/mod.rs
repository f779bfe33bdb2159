//! A cache of compiled models, which are sealed.

mod cpu_export;
mod entry;
mod error;
mod folder;
mod key_fields;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal::{CacheKey, DeviceSecret, OpenError, Opened, PartMapping, UnverifiedMapping};

pub use error::CacheError;
pub use folder::{CacheEntry, CacheFolder, Cleared};

use crate::load::{Compilation, Opening};
use crate::runtime::{CompiledModel, Core, ExportedModel, NetworkError, RuntimeFacts};

/// A directory of compiled models, each in its own container.
///
/// Opening or creating an entry requires the secret of this device, and the data key of the
/// original model. An entry is therefore looked up only after the model's container is open, when
/// its signature, version, key and manifest have been checked. The names of the files reveal
/// nothing.
///
/// The cache is optional: an entry that does not fit, is damaged or was planted counts as missing,
/// and is replaced. Several processes can use one directory.
#[derive(Debug)]
pub struct CompileCache {
    folder: CacheFolder,
    limit: Option<u64>,
    device: DeviceSecret,
}

/// The place of one compiled model in a cache.
pub struct CacheSlot {
    folder: CacheFolder,
    limit: Option<u64>,
    compilation: Compilation,
    key: CacheKey,
    memory_budget: Option<u64>,
}

/// A compiled model from the cache.
pub struct Cached {
    /// The model.
    pub model: CompiledModel,
    /// True if the bytes that the model reads are locked in memory, so that they cannot be swapped
    /// to disk.
    pub is_locked: bool,
}

impl CompileCache {
    /// Opens the directory at `path`. If it does not exist, it is created with mode 0700.
    ///
    /// # Errors
    ///
    /// [`CacheError::Folder`].
    pub fn open(path: &Path, device: DeviceSecret) -> Result<Self, CacheError> {
        Ok(Self { folder: CacheFolder::create(path)?, limit: None, device })
    }

    /// Limits the total size of all entries, in bytes. The least recently used entries are removed
    /// first.
    #[must_use]
    pub fn limit(self, bytes: u64) -> Self {
        Self { limit: Some(bytes), ..self }
    }

    /// Returns the place for a network of an opened container with these settings.
    ///
    /// Loads the device's plugin if it is not loaded yet.
    ///
    /// # Errors
    ///
    /// [`CacheError`] if a fact on which the compiled model depends is unknown, or if there is no
    /// such network or device.
    pub fn slot(
        &self,
        core: &Core,
        opened: &Opened,
        compilation: &Compilation,
    ) -> Result<CacheSlot, CacheError> {
        let facts = core.facts(&compilation.device).map_err(CacheError::Device)?;
        self.slot_for(&facts, opened, compilation)
    }

    /// Returns the place for a network, for a caller with its own interface to the runtime: C++ or
    /// Python.
    ///
    /// # Errors
    ///
    /// Any error of [`slot`](Self::slot).
    pub fn slot_for(
        &self,
        runtime: &RuntimeFacts,
        opened: &Opened,
        compilation: &Compilation,
    ) -> Result<CacheSlot, CacheError> {
        let fields = key_fields::key_fields(runtime, opened, compilation)?;
        let fields: Vec<(&str, &[u8])> = fields.iter().map(|(name, value)| (*name, &value[..])).collect();
        Ok(CacheSlot {
            folder: self.folder.clone(),
            limit: self.limit,
            compilation: compilation.clone(),
            key: opened.cache_key(&self.device, &fields),
            memory_budget: opened.memory_budget(),
        })
    }
}

impl CacheSlot {
    /// Imports the compiled model, if it is present and authentic. Removes an entry that is not
    /// authentic or that the runtime rejects.
    ///
    /// With an [overlapped](Opening::is_overlapped) opening, the constants are decrypted while the
    /// runtime imports the model. Everything else is verified before the runtime reads a byte. The
    /// model is returned only after all of it has been verified.
    #[must_use]
    pub fn load(&self, core: &Core, opening: Opening) -> Option<Cached> {
        let bytes = self.start(opening.is_overlapped(&self.compilation.device))?;
        let is_locked = bytes.is_locked();
        let imported = self.compilation.import(core, Arc::new(bytes.hazmat_owner()));
        // Constants that are not authentic would explain an error of the runtime, so they are
        // reported first.
        self.usable(bytes.verify())?;
        match imported {
            Ok(model) => Some(Cached { model, is_locked }),
            Err(error) => self.rejected(&error),
        }
    }

    /// Decrypts the compiled model, if it is present and authentic, for a caller with its own
    /// interface to the runtime.
    ///
    /// Removes an entry that is not authentic. If the runtime rejects it, [discard](Self::discard)
    /// it.
    #[must_use]
    pub fn read(&self) -> Option<PartMapping> {
        self.usable(self.start(false)?.verify())
    }

    /// Returns the size of the entry in bytes, if it is present. The compiled model takes at most
    /// that much memory.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        Some(entry::open(&self.path())?.metadata().ok()?.len())
    }

    /// Removes the entry, because the runtime rejected it.
    pub fn discard(&self) {
        folder::remove(&self.path());
    }

    /// Stores a compiled model for the next start. Removes other entries if the cache would exceed
    /// its limit.
    ///
    /// The runtime's export, which is plaintext, stays in memory.
    ///
    /// # Errors
    ///
    /// [`CacheError`]. In that case the cache is unchanged, except for entries removed to make
    /// room.
    pub fn store(&self, compiled: &CompiledModel) -> Result<(), CacheError> {
        self.write(compiled.export().map_err(CacheError::Export)?)
    }

    /// Stores a model that a runtime has exported, as [`store`](Self::store) does.
    ///
    /// # Errors
    ///
    /// Any error of [`store`](Self::store).
    pub fn write(&self, exported: ExportedModel) -> Result<(), CacheError> {
        let length = entry::length(exported.as_ref().len() as u64);
        let name = self.name();
        self.folder.remove_abandoned();
        if let Some(limit) = self.limit {
            let rest = limit.checked_sub(length).ok_or(CacheError::TooLarge { length, limit })?;
            self.folder.make_room(rest, &name);
        }
        entry::write(&self.path(), &self.key, exported)?;
        // Other processes may have stored entries in the meantime.
        if let Some(limit) = self.limit {
            self.folder.make_room(limit.saturating_sub(length), &name);
        }
        Ok(())
    }

    /// Starts to decrypt the compiled model, if it is present.
    fn start(&self, is_overlapped: bool) -> Option<UnverifiedMapping> {
        let file = entry::open(&self.path())?;
        let bytes = self.usable(entry::read(&file, &self.key, is_overlapped, self.memory_budget))?;
        entry::touch(&file);
        Some(bytes)
    }

    /// Returns the value. After an error that will not go away, removes the entry.
    fn usable<T>(&self, value: Result<T, OpenError>) -> Option<T> {
        let error = match value {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        tracing::debug!(%error, "a cache entry was not used");
        if entry::is_final(&error) {
            self.discard();
        }
        None
    }

    fn rejected(&self, error: &NetworkError) -> Option<Cached> {
        tracing::debug!(%error, "a cache entry was not used");
        self.discard();
        None
    }

    fn name(&self) -> String {
        folder::name(&self.key.lookup_id())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.name())
    }
}

#[cfg(test)]
mod tests;
