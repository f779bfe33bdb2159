//! Rollback state: the least security version that a device accepts of each publisher's models.

mod anchor;
mod error;
#[cfg(test)]
mod tests;
mod text;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time;
use ovseal_files::{AtomicFile, next_to};
use ovseal_format::statement::{KeyId, ModelId};
use ovseal_format::suite::Digest;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::threads::lock;
pub use anchor::{AnchorError, Attested, RollbackAnchor};
pub use error::RollbackError;
pub(crate) use text::Text;
use text::{Binding, Floors, LENGTH_LIMIT};

/// How long the lock is waited for: whoever writes a file holds it for milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same where an anchor is asked under the lock: up to four times, and a TPM may take 20 s for each answer.
const ANCHORED_PATIENCE: Duration = Duration::from_secs(90);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A file with the floors of a device.
///
/// It stops an older version of a model from being run after a newer one. Whoever can restore the whole disk can restore
/// this file too: against that helps only a floor that the caller brings, or an anchor, a counter in hardware.
#[derive(Clone, Debug)]
pub struct RollbackState {
    path: PathBuf,
    anchor: Option<Arc<dyn RollbackAnchor>>,
    /// SHA-256 of the text that was last found to be what the anchor says.
    checked: Arc<Mutex<Option<Digest>>>,
}

impl RollbackState {
    /// The state in the file at `path`, which is not read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), anchor: None, checked: Arc::default() }
    }

    /// The state in the file at `path`, which must be tied to `anchor`.
    pub fn anchored(path: impl Into<PathBuf>, anchor: Arc<dyn RollbackAnchor>) -> Self {
        Self { path: path.into(), anchor: Some(anchor), checked: Arc::default() }
    }

    /// Makes an empty state. This is done once, when a device is set up.
    ///
    /// # Errors
    /// [`RollbackError::Write`], also when the file exists.
    pub fn create(path: &Path) -> Result<Self, RollbackError> {
        let state = Self::new(path);
        state.write(&Text::default(), false)?;
        Ok(state)
    }

    /// Makes an empty state that is tied to `anchor`.
    ///
    /// # Errors
    /// [`RollbackError::Write`], also when the file exists; [`RollbackError::Anchor`] when the anchor cannot be had.
    pub fn create_anchored(path: &Path, anchor: Arc<dyn RollbackAnchor>) -> Result<Self, RollbackError> {
        let state = Self::anchored(path, anchor.clone());
        // Before a counter is made that nobody would use.
        if path.symlink_metadata().is_ok() {
            return Err(state.write_error(std::io::ErrorKind::AlreadyExists.into()));
        }
        let file = state.begin()?;
        let place = anchor.create().map_err(|error| state.anchor_error(error))?;
        let counter = anchor.attest(&place, &[]).map_err(|error| state.anchor_error(error))?.counter;
        let binding = Binding { place, generation: counter, mac: [0; 32] };
        let text = Text { floors: Floors::new(), binding: Some(binding) };
        state.finish(file, &state.authenticated(text)?, false)?;
        Ok(state)
    }

    /// The floor of a model: the highest one that it has from any of `publishers`, 0 if the device never opened it.
    ///
    /// # Errors
    /// [`RollbackError`] when the state is missing or damaged, or not what its anchor says.
    pub fn floor(&self, publishers: &[KeyId], model: ModelId) -> Result<u64, RollbackError> {
        if self.anchor.is_none() {
            return Ok(self.read()?.floor(publishers, model));
        }
        // Another process could write between the file and the counter.
        let state = self.resolved()?;
        let _lock = state.lock()?;
        Ok(state.read()?.floor(publishers, model))
    }

    /// Raises the floor of a model to at least `version`, atomically and under a lock, and gives the floor.
    ///
    /// It is raised for each of `publishers`, all who are trusted: while a publisher's key is changed for another, an older version that
    /// only one of the two signed must not come back.
    ///
    /// # Errors
    /// [`RollbackError`] when the state is missing, damaged, full or locked, or cannot be written, or not what its anchor
    /// says.
    pub fn raise(&self, publishers: &[KeyId], model: ModelId, version: u64) -> Result<u64, RollbackError> {
        let state = self.resolved()?;
        let _lock = state.lock()?;
        let mut text = state.parse()?;
        let floor = text.floor(publishers, model);
        let is_below = |publisher: &&KeyId| version >= floor && text.floor(&[**publisher], model) < version;
        let raised: Vec<_> = publishers.iter().filter(is_below).map(|&id| ((id, model), version)).collect();
        // What this value has just checked needs no second look, if nothing is raised.
        if !raised.is_empty() || !state.was_checked(&text) {
            state.check(&text)?;
        }
        if raised.is_empty() {
            return Ok(floor);
        }
        text.floors.extend(raised);
        state.replace(text)?;
        Ok(version)
    }

    /// By whatever link it is named, there is one state and one lock.
    fn resolved(&self) -> Result<Self, RollbackError> {
        let path = self.path.canonicalize().map_err(|source| self.read_error(source))?;
        Ok(Self { path, ..self.clone() })
    }

    /// Takes the lock, which stands beside the state because the state itself is replaced.
    ///
    /// Only the owner can open it, so nobody else can keep it.
    fn lock(&self) -> Result<File, RollbackError> {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = next_to(&self.path, ".lock");
        let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR);
        let file = File::from(file.map_err(|error| self.write_error(error.into()))?);
        let begin = Instant::now();
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::WOULDBLOCK) if begin.elapsed() < self.patience() => std::thread::sleep(LOCK_PAUSE),
                Err(Errno::WOULDBLOCK) => return Err(RollbackError::Locked { path }),
                Err(error) => return Err(self.write_error(error.into())),
            }
        }
    }

    fn patience(&self) -> Duration {
        if self.anchor.is_some() { ANCHORED_PATIENCE } else { PATIENCE }
    }

    fn read(&self) -> Result<Text, RollbackError> {
        let text = self.parse()?;
        self.check(&text)?;
        Ok(text)
    }

    fn parse(&self) -> Result<Text, RollbackError> {
        let bytes = ovseal_files::read(&self.path, LENGTH_LIMIT).map_err(|source| self.read_error(source))?;
        Text::parse(&bytes).ok_or_else(|| RollbackError::Damaged { path: self.path.clone() })
    }

    /// Checks that the state is tied to an anchor if the caller wants it, and what the anchor says; then the lock is held.
    fn check(&self, text: &Text) -> Result<(), RollbackError> {
        match (&self.anchor, &text.binding) {
            (None, None) => {}
            (Some(_), None) => return Err(RollbackError::NotAnchored { path: self.path.clone() }),
            (None, Some(_)) => return Err(RollbackError::Anchored { path: self.path.clone() }),
            (Some(anchor), Some(binding)) => self.ask(&**anchor, text, binding)?,
        }
        *self.last_checked() = Some(text.digest());
        Ok(())
    }

    fn was_checked(&self, text: &Text) -> bool {
        *self.last_checked() == Some(text.digest())
    }

    fn last_checked(&self) -> MutexGuard<'_, Option<Digest>> {
        lock(&self.checked)
    }

    /// Compares MAC and generation with what the anchor says.
    fn ask(&self, anchor: &dyn RollbackAnchor, text: &Text, binding: &Binding) -> Result<(), RollbackError> {
        let attested = anchor.attest(&binding.place, text.covered().as_bytes());
        let Attested { counter, mac } = attested.map_err(|error| self.anchor_error(error))?;
        let (path, generation) = (self.path.clone(), binding.generation);
        if constant_time::verify_slices_are_equal(&mac, &binding.mac).is_err() {
            return Err(RollbackError::NotAuthentic { path });
        }
        match generation.checked_sub(counter) {
            Some(0) => Ok(()),
            // Whoever wrote the file did not come to advance the counter.
            Some(1) => anchor.advance(&binding.place, counter).map_err(|error| self.anchor_error(error)),
            Some(_) => Err(RollbackError::CounterSetBack { path, generation, counter }),
            None => Err(RollbackError::RolledBack { path, generation, counter }),
        }
    }

    /// Writes a changed state: the file first, so that no crash leaves a counter that no file has reached.
    fn replace(&self, mut text: Text) -> Result<(), RollbackError> {
        let Some((anchor, binding)) = self.anchor.as_ref().zip(text.binding.as_mut()) else {
            return self.write(&text, true);
        };
        let (place, counter) = (binding.place.clone(), binding.generation);
        binding.generation += 1;
        self.write(&self.authenticated(text)?, true)?;
        anchor.advance(&place, counter).map_err(|error| self.anchor_error(error))
    }

    /// The same text with the MAC of the anchor, if it is tied to one.
    fn authenticated(&self, mut text: Text) -> Result<Text, RollbackError> {
        let covered = text.covered();
        if let Some((anchor, binding)) = self.anchor.as_ref().zip(text.binding.as_mut()) {
            let attested = anchor.attest(&binding.place, covered.as_bytes());
            binding.mac = attested.map_err(|error| self.anchor_error(error))?.mac;
        }
        Ok(text)
    }

    /// Writes the state; one that is replaced keeps its permissions.
    fn write(&self, text: &Text, replace: bool) -> Result<(), RollbackError> {
        self.finish(self.begin()?, text, replace)
    }

    fn begin(&self) -> Result<AtomicFile, RollbackError> {
        AtomicFile::create(&self.path).map_err(|source| self.write_error(source))
    }

    fn finish(&self, file: AtomicFile, text: &Text, replace: bool) -> Result<(), RollbackError> {
        let text = text.encode();
        if text.len() as u64 > LENGTH_LIMIT {
            return Err(RollbackError::Full { path: self.path.clone() });
        }
        let permissions =
            self.path.metadata().map(|metadata| metadata.permissions()).ok().filter(|_| replace);
        let write = || -> std::io::Result<()> {
            permissions.map_or(Ok(()), |permissions| file.file().set_permissions(permissions))?;
            file.file().write_all(text.as_bytes())?;
            file.commit(replace)
        };
        write().map_err(|source| self.write_error(source))
    }

    fn read_error(&self, source: std::io::Error) -> RollbackError {
        match source.kind() {
            std::io::ErrorKind::NotFound => {
                RollbackError::Missing { path: self.path.clone(), anchored: self.anchor.is_some() }
            }
            _ => RollbackError::Read { path: self.path.clone(), source },
        }
    }

    fn write_error(&self, source: std::io::Error) -> RollbackError {
        RollbackError::Write { path: self.path.clone(), source }
    }

    fn anchor_error(&self, source: AnchorError) -> RollbackError {
        RollbackError::Anchor { path: self.path.clone(), source }
    }
}
