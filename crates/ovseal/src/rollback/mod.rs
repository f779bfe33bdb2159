//! The rollback state: the oldest versions of models that a device accepts.

mod anchor;
mod contents;
mod error;
mod lock;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::constant_time;
use ovseal_files::AtomicFile;
use ovseal_format::statement::{KeyId, ModelId};
use ovseal_format::suite::Digest;

use crate::threads;
pub use anchor::{AnchorError, Attested, RollbackAnchor};
pub(crate) use contents::Contents;
use contents::{Binding, Floors, LENGTH_LIMIT};
pub use error::RollbackError;

/// A file with the minimum versions ("floors") that a device accepts.
///
/// It prevents an older version of a model from running after a newer one. Anyone who can restore
/// the whole disk can also restore this file. Two things protect against that: a floor that the
/// caller supplies, or an anchor, which is a counter in hardware.
#[derive(Clone, Debug)]
pub struct RollbackState {
    path: PathBuf,
    anchor: Option<Arc<dyn RollbackAnchor>>,
    /// The digest of the contents that last passed [`check`](Self::check).
    checked: Arc<Mutex<Option<Digest>>>,
}

impl RollbackState {
    /// Creates a reference to the state in the file at `path`, without reading it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), anchor: None, checked: Arc::default() }
    }

    /// Creates a reference to the state in the file at `path`, which must be tied to `anchor`.
    pub fn anchored(path: impl Into<PathBuf>, anchor: Arc<dyn RollbackAnchor>) -> Self {
        Self { anchor: Some(anchor), ..Self::new(path) }
    }

    /// Creates an empty state. Do this once, when you set up a device.
    ///
    /// # Errors
    /// [`RollbackError::Write`], also if the file exists.
    pub fn create(path: &Path) -> Result<Self, RollbackError> {
        let state = Self::new(path);
        state.write(&Contents::default(), false)?;
        Ok(state)
    }

    /// Creates an empty state tied to `anchor`.
    ///
    /// # Errors
    /// [`RollbackError::Write`], also if the file exists, or [`RollbackError::Anchor`] if the
    /// anchor fails.
    pub fn create_anchored(path: &Path, anchor: Arc<dyn RollbackAnchor>) -> Result<Self, RollbackError> {
        let state = Self::anchored(path, anchor.clone());
        // This fails before creating a counter that would never be used.
        if path.symlink_metadata().is_ok() {
            return Err(state.write_error(ErrorKind::AlreadyExists.into()));
        }
        let file = state.begin()?;
        let record = anchor.create().map_err(state.anchor_error())?;
        let counter = anchor.attest(&record, &[]).map_err(state.anchor_error())?.counter;
        let binding = Binding { record, generation: counter, mac: [0; 32] };
        let contents = Contents { floors: Floors::new(), binding: Some(binding) };
        state.finish(file, &state.authenticated(contents)?, false)?;
        Ok(state)
    }

    /// Returns the highest floor that a model has from any of `publishers`, or 0 if it has none.
    ///
    /// # Errors
    /// [`RollbackError`] if the state is missing or damaged, or its anchor contradicts it.
    pub fn floor(&self, publishers: &[KeyId], model: ModelId) -> Result<u64, RollbackError> {
        if self.anchor.is_none() {
            return Ok(self.read()?.floor(publishers, model));
        }
        // Without the lock, another process could change the file and the counter between the two
        // reads.
        let (state, _lock) = self.locked()?;
        Ok(state.read()?.floor(publishers, model))
    }

    /// Raises a model's floor to at least `version`, under a lock, and returns the floor.
    ///
    /// The floor is raised for each of `publishers`: all publishers that the caller trusts. So
    /// while a publisher changes keys, an older version signed with only one of the two keys cannot
    /// come back.
    ///
    /// # Errors
    /// [`RollbackError`] if the state is missing, damaged, full or locked, if it cannot be written,
    /// or if its anchor contradicts it.
    pub fn raise(&self, publishers: &[KeyId], model: ModelId, version: u64) -> Result<u64, RollbackError> {
        let (state, _lock) = self.locked()?;
        let mut contents = state.parse()?;
        let floor = contents.floor(publishers, model);
        let is_below =
            |publisher: &&KeyId| version >= floor && contents.floor(&[**publisher], model) < version;
        let raised: Vec<_> = publishers.iter().filter(is_below).map(|&id| ((id, model), version)).collect();
        // If no floor needs raising, contents that were just checked are not checked again.
        if !raised.is_empty() || !state.was_checked(&contents) {
            state.check(&contents)?;
        }
        if raised.is_empty() {
            return Ok(floor);
        }
        contents.floors.extend(raised);
        state.replace(contents)?;
        Ok(version)
    }

    /// Locks the state. All paths that lead to it through symbolic links share one lock.
    fn locked(&self) -> Result<(Self, File), RollbackError> {
        let path = self.path.canonicalize().map_err(|source| self.read_error(source))?;
        let lock = lock::exclusive(&path, self.patience())?;
        Ok((Self { path, ..self.clone() }, lock))
    }

    /// Returns how long to wait for the lock.
    fn patience(&self) -> Duration {
        if self.anchor.is_some() { ANCHORED_PATIENCE } else { PATIENCE }
    }

    fn read(&self) -> Result<Contents, RollbackError> {
        let contents = self.parse()?;
        self.check(&contents)?;
        Ok(contents)
    }

    fn parse(&self) -> Result<Contents, RollbackError> {
        let bytes = ovseal_files::read(&self.path, LENGTH_LIMIT).map_err(|source| self.read_error(source))?;
        Contents::parse(&bytes).ok_or_else(|| RollbackError::Damaged { path: self.path.clone() })
    }

    /// Checks that the state has an anchor if and only if the caller requires one, and queries the
    /// anchor.
    ///
    /// If there is an anchor, the caller holds the lock.
    fn check(&self, contents: &Contents) -> Result<(), RollbackError> {
        match (&self.anchor, &contents.binding) {
            (None, None) => {}
            (Some(_), None) => return Err(RollbackError::NotAnchored { path: self.path.clone() }),
            (None, Some(_)) => return Err(RollbackError::Anchored { path: self.path.clone() }),
            (Some(anchor), Some(binding)) => self.ask(&**anchor, contents, binding)?,
        }
        *threads::lock(&self.checked) = Some(contents.digest());
        Ok(())
    }

    fn was_checked(&self, contents: &Contents) -> bool {
        *threads::lock(&self.checked) == Some(contents.digest())
    }

    /// Compares MAC and generation with the anchor's MAC and counter.
    fn ask(
        &self,
        anchor: &dyn RollbackAnchor,
        contents: &Contents,
        binding: &Binding,
    ) -> Result<(), RollbackError> {
        let attested = anchor.attest(&binding.record, contents.covered().as_bytes());
        let Attested { counter, mac } = attested.map_err(self.anchor_error())?;
        let (path, generation) = (self.path.clone(), binding.generation);
        if constant_time::verify_slices_are_equal(&mac, &binding.mac).is_err() {
            return Err(RollbackError::NotAuthentic { path });
        }
        match generation.checked_sub(counter) {
            Some(0) => Ok(()),
            // The process that wrote the file ended before it advanced the counter.
            Some(1) => anchor.advance(&binding.record, counter).map_err(self.anchor_error()),
            Some(_) => Err(RollbackError::CounterSetBack { path, generation, counter }),
            None => Err(RollbackError::RolledBack { path, generation, counter }),
        }
    }

    /// Writes changed contents, and then advances the counter.
    ///
    /// The other order could leave a counter ahead of every file.
    fn replace(&self, mut contents: Contents) -> Result<(), RollbackError> {
        let Some((anchor, binding)) = self.anchor.as_ref().zip(contents.binding.as_mut()) else {
            return self.write(&contents, true);
        };
        let (record, counter) = (binding.record.clone(), binding.generation);
        binding.generation += 1;
        self.write(&self.authenticated(contents)?, true)?;
        anchor.advance(&record, counter).map_err(self.anchor_error())
    }

    /// Sets the anchor's MAC, if the contents are tied to one.
    fn authenticated(&self, mut contents: Contents) -> Result<Contents, RollbackError> {
        let covered = contents.covered();
        if let Some((anchor, binding)) = self.anchor.as_ref().zip(contents.binding.as_mut()) {
            let attested = anchor.attest(&binding.record, covered.as_bytes());
            binding.mac = attested.map_err(self.anchor_error())?.mac;
        }
        Ok(contents)
    }

    /// Writes the file. A replaced file keeps its permissions.
    fn write(&self, contents: &Contents, replace: bool) -> Result<(), RollbackError> {
        self.finish(self.begin()?, contents, replace)
    }

    fn begin(&self) -> Result<AtomicFile, RollbackError> {
        AtomicFile::create(&self.path).map_err(|source| self.write_error(source))
    }

    fn finish(&self, file: AtomicFile, contents: &Contents, replace: bool) -> Result<(), RollbackError> {
        let text = contents.encode();
        if text.len() as u64 > LENGTH_LIMIT {
            return Err(RollbackError::Full { path: self.path.clone() });
        }
        let permissions =
            self.path.metadata().map(|metadata| metadata.permissions()).ok().filter(|_| replace);
        let write = || -> io::Result<()> {
            permissions.map_or(Ok(()), |permissions| file.file().set_permissions(permissions))?;
            file.file().write_all(text.as_bytes())?;
            file.commit(replace)
        };
        write().map_err(|source| self.write_error(source))
    }

    fn read_error(&self, source: io::Error) -> RollbackError {
        let path = self.path.clone();
        match source.kind() {
            ErrorKind::NotFound => RollbackError::Missing { path, anchored: self.anchor.is_some() },
            _ => RollbackError::Read { path, source },
        }
    }

    fn write_error(&self, source: io::Error) -> RollbackError {
        RollbackError::Write { path: self.path.clone(), source }
    }

    fn anchor_error(&self) -> impl Fn(AnchorError) -> RollbackError {
        |source| RollbackError::Anchor { path: self.path.clone(), source }
    }
}

/// Limit on waiting for the lock of a state without an anchor. Writing the file takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// Limit on waiting for the lock of an anchored state. The process that holds the lock queries the
/// anchor up to four times, and a TPM may take 20 s for each answer.
const ANCHORED_PATIENCE: Duration = Duration::from_secs(90);
