//! Loads a model from the cache or from its container.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ovseal::Opened;

use crate::cache::{CacheError, CacheSlot, CompileCache};
use crate::load::{Compilation, Decrypted, Opening, SealedModelError, find_compiled};
use crate::runtime::{CompiledModel, Core};

/// A loader for the model of an opened container.
///
/// A compiled model comes from the cache if it is there. Otherwise the network is decrypted and
/// compiled, or the container's compiled model is decrypted and imported.
///
/// ```no_run
/// # use ovseal::Opened;
/// # use ovseal_openvino::{Compilation, CompileCache, Core, Loader, Opening, SealedModelError};
/// # fn load(core: &Core, cache: &CompileCache, opened: &Opened) -> Result<(), SealedModelError> {
/// let compilation = Compilation::on("CPU");
/// let opening = Opening::Auto;
/// let mut loader = Loader { core, compilation, opening, cache: Some(cache), observer: () };
/// let loaded = loader.load(opened)?;
/// // Run an inference here, so that it does not wait for the cache.
/// if let Err(error) = loaded.store() {
///     eprintln!("the model is not cached: {error}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Loader<'a, O> {
    /// The core into which the model is loaded.
    pub core: &'a Core,
    /// The settings with which the model is compiled.
    pub compilation: Compilation,
    /// The time at which weights, or an entry of the cache, are decrypted: before the runtime reads
    /// them, or while it does.
    pub opening: Opening,
    /// The cache in which the model is looked up, if there is one.
    pub cache: Option<&'a CompileCache>,
    /// The observer of each step; `()` ignores them.
    pub observer: O,
}

/// A model, ready to infer.
pub struct Loaded {
    /// The model.
    pub model: CompiledModel,
    /// True if the model came from the cache: nothing was compiled, and the container's payload was
    /// not read.
    pub is_cached: bool,
    /// The place in the cache for a model that did not come from there. The model's weights stay in
    /// memory until [`store`](Self::store), or [`CompiledModel::release_weights`].
    pub empty_slot: Option<CacheSlot>,
}

/// An observer of a [`Loader`], which can stop it before and after plaintext is in memory.
pub trait Observer {
    /// The error of a load.
    type Error;

    /// Converts an error of the loader.
    fn error(&self, error: SealedModelError) -> Self::Error;

    /// Handles a failure of the cache. The cache is not used after it.
    fn cache_unavailable(&mut self, _error: CacheError) {}

    /// Runs before `length` bytes are decrypted. For the cache, this is the size of the entry's
    /// file.
    ///
    /// If the entry turns out to be unusable, no [`decrypted`](Self::decrypted) follows.
    ///
    /// # Errors
    ///
    /// An error stops the load before any plaintext is in memory.
    fn decrypting(&mut self, _source: Source, _length: u64) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Runs after the bytes are decrypted, or their overlapped decryption has started.
    ///
    /// # Errors
    ///
    /// An error stops the load. The plaintext is zeroized.
    fn decrypted(&mut self, _plaintext: Plaintext) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Runs after each step, with the time that it took.
    fn finished(&mut self, _step: Step, _took: Duration) {}
}

/// The file that a model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An entry of the cache.
    Cache,
    /// The container.
    Container,
}

/// The state of a model's decrypted bytes.
#[derive(Clone, Copy, Debug)]
pub struct Plaintext {
    /// The file from which they come.
    pub source: Source,
    /// True if they are locked in memory, so that they cannot be swapped to disk.
    pub is_locked: bool,
    /// True if weights of the container are decrypted while the runtime reads them.
    pub is_overlapped: bool,
}

/// A step of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looking up, decrypting and importing an entry of the cache.
    Cache,
    /// Decrypting from the container, or starting to.
    Decrypt,
    /// Reading the network into the runtime.
    Read,
    /// Compiling the network, or importing the container's compiled model.
    Compile,
}

impl<O: Observer> Loader<'_, O> {
    /// Loads the model.
    ///
    /// After every chunk has been verified, records the container's security version
    /// ([`Opened::accept`]) and returns the model.
    ///
    /// # Errors
    ///
    /// [`SealedModelError`], converted by the observer, and the observer's own errors. A failure of
    /// the cache is not an error: the observer is notified, and the model is compiled.
    pub fn load(&mut self, opened: &Opened) -> Result<Loaded, O::Error> {
        let slot = self.slot(opened);
        let cached = slot.as_ref().map(|slot| self.load_cached(slot)).transpose()?.flatten();
        let loaded = match cached {
            Some(model) => Loaded { model, is_cached: true, empty_slot: None },
            None => Loaded { model: self.load_from_container(opened)?, is_cached: false, empty_slot: slot },
        };
        if loaded.empty_slot.is_some() {
            // An export needs all weights.
            loaded.model.keep_weights();
        }
        opened.accept().map_err(|error| self.observer.error(error.into()))?;
        Ok(loaded)
    }

    fn slot(&mut self, opened: &Opened) -> Option<CacheSlot> {
        match self.cache?.slot(self.core, opened, &self.compilation) {
            Ok(slot) => Some(slot),
            // Loading the model fails for the same reason, and reports the error.
            Err(CacheError::Container(_)) => None,
            Err(error) => {
                self.observer.cache_unavailable(error);
                None
            }
        }
    }

    fn load_cached(&mut self, slot: &CacheSlot) -> Result<Option<CompiledModel>, O::Error> {
        if let Some(length) = slot.length() {
            self.observer.decrypting(Source::Cache, length)?;
        }
        let load = |loader: &Self| slot.load(loader.core, loader.opening);
        let Some(cached) = self.timed(Step::Cache, load) else { return Ok(None) };
        let is_locked = cached.is_locked;
        self.observer.decrypted(Plaintext { source: Source::Cache, is_locked, is_overlapped: false })?;
        Ok(Some(cached.model))
    }

    fn load_from_container(&mut self, opened: &Opened) -> Result<CompiledModel, O::Error> {
        match Decrypted::length(opened, self.compilation.part.as_deref()) {
            Ok(length) => self.compile(opened, length),
            // The part is not a network but a compiled model.
            Err(SealedModelError::Compiled { .. }) => self.import(opened),
            Err(error) => Err(self.observer.error(error)),
        }
    }

    /// Decrypts and compiles the network.
    fn compile(&mut self, opened: &Opened, length: u64) -> Result<CompiledModel, O::Error> {
        self.observer.decrypting(Source::Container, length)?;
        let decrypted = self.step(Step::Decrypt, |loader| {
            let Compilation { part, device, .. } = &loader.compilation;
            Decrypted::read(opened, part.as_deref(), device, loader.opening)
        })?;
        let (is_locked, is_overlapped) = (decrypted.is_locked(), decrypted.is_overlapped());
        self.observer.decrypted(Plaintext { source: Source::Container, is_locked, is_overlapped })?;
        let mut model = self.step(Step::Read, |loader| loader.core.read_decrypted(decrypted))?;
        if !self.compilation.shapes.is_empty() {
            let reshaped = model.reshape(&self.compilation.shapes());
            reshaped.map_err(|error| self.observer.error(error.into()))?;
        }
        self.step(Step::Compile, |loader| {
            model.compile(loader.core, &loader.compilation.device, &loader.compilation.properties())
        })
    }

    /// Decrypts and imports the container's compiled model.
    fn import(&mut self, opened: &Opened) -> Result<CompiledModel, O::Error> {
        if !self.compilation.shapes.is_empty() {
            return Err(self.observer.error(SealedModelError::FixedShapes));
        }
        let part = find_compiled(opened, self.compilation.part.as_deref());
        let part = part.map_err(|error| self.observer.error(error))?;
        self.observer.decrypting(Source::Container, part.length())?;
        let exported = self.step(Step::Decrypt, |_| Ok(part.read_mapping()?))?;
        let is_locked = exported.is_locked();
        self.observer.decrypted(Plaintext { source: Source::Container, is_locked, is_overlapped: false })?;
        self.step(Step::Compile, |loader| Ok(loader.compilation.import(loader.core, Arc::new(exported))?))
    }

    fn step<T>(
        &mut self,
        step: Step,
        work: impl FnOnce(&Self) -> Result<T, SealedModelError>,
    ) -> Result<T, O::Error> {
        self.timed(step, work).map_err(|error| self.observer.error(error))
    }

    fn timed<T>(&mut self, step: Step, work: impl FnOnce(&Self) -> T) -> T {
        let start = Instant::now();
        let result = work(self);
        self.observer.finished(step, start.elapsed());
        result
    }
}

impl Loaded {
    /// Stores the model in the cache, unless it came from the cache or has no place in one.
    ///
    /// The pages of its weights, which were kept for this, are released afterwards in the
    /// background, but not before the first inference.
    ///
    /// # Errors
    ///
    /// [`CacheError`]. The model itself is usable.
    pub fn store(&self) -> Result<(), CacheError> {
        let Some(slot) = &self.empty_slot else { return Ok(()) };
        let stored = slot.store(&self.model);
        self.model.keep_weights_no_longer();
        stored
    }
}

impl Core {
    /// Compiles the network of an opened container: decrypts, reads, reshapes and compiles it.
    ///
    /// With an [overlapped](Opening::is_overlapped) opening, these steps overlap. After every chunk
    /// has been verified, records the container's security version ([`Opened::accept`]) and returns
    /// the compiled network. To keep compiled networks in a cache, use a [`Loader`].
    ///
    /// # Errors
    ///
    /// [`SealedModelError`].
    pub fn compile_sealed(
        &self,
        opened: &Opened,
        compilation: &Compilation,
        opening: Opening,
    ) -> Result<CompiledModel, SealedModelError> {
        let length = Decrypted::length(opened, compilation.part.as_deref())?;
        let compilation = compilation.clone();
        let mut loader = Loader { core: self, compilation, opening, cache: None, observer: () };
        let compiled = loader.compile(opened, length)?;
        opened.accept()?;
        Ok(compiled)
    }
}

/// Ignores each step, and returns errors as they are.
impl Observer for () {
    type Error = SealedModelError;

    fn error(&self, error: SealedModelError) -> SealedModelError {
        error
    }
}
