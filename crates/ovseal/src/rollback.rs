//! Rollback state: the least security version that a device accepts of each publisher's models.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::atomic::{AtomicFile, beside};
use crate::error::ErrorKind;
use crate::hex;
use crate::regular;
use crate::statement::{KeyId, ModelId};
use crate::suite::sha256;

const FIRST_LINE: &str = "ovseal-rollback-state 1";
const LENGTH_LIMIT: u64 = 1 << 20;

/// A file with the floors of a device.
///
/// It stops an older version of a model from being run after a newer one. Whoever can restore the whole disk can restore
/// this file too: against that helps only a floor that the caller brings, or a counter in hardware.
#[derive(Clone, Debug)]
pub struct RollbackState {
    path: PathBuf,
}

/// The rollback state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RollbackError {
    /// The file is named but not there: whoever removed it could replay an old version.
    #[error("the rollback state {} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file's content is damaged.
    #[error("the rollback state {} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the rollback state {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the rollback state {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl RollbackError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } | Self::Read { .. } => ErrorKind::Denied,
            Self::Write { .. } => ErrorKind::Environment,
        }
    }
}

pub(crate) type Floors = BTreeMap<(KeyId, ModelId), u64>;

impl RollbackState {
    /// The state in the file at `path`, which is not read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes an empty state. This is done once, when a device is set up.
    ///
    /// # Errors
    /// [`RollbackError::Write`], also when the file exists.
    pub fn create(path: &Path) -> Result<Self, RollbackError> {
        let state = Self::new(path);
        state.write(&Floors::new(), false)?;
        Ok(state)
    }

    /// The floor of a publisher's model: 0 if the device never opened it.
    ///
    /// # Errors
    /// [`RollbackError`] when the state is missing or damaged.
    pub fn floor(&self, publisher: KeyId, model: ModelId) -> Result<u64, RollbackError> {
        Ok(self.read()?.get(&(publisher, model)).copied().unwrap_or(0))
    }

    /// Raises the floor of a publisher's model to at least `version`, atomically and under a lock.
    ///
    /// # Errors
    /// [`RollbackError`] when the state is missing or damaged, or cannot be written.
    pub fn raise(&self, publisher: KeyId, model: ModelId, version: u64) -> Result<(), RollbackError> {
        let _lock = self.lock().map_err(|source| self.write_error(source))?;
        let mut floors = self.read()?;
        let floor = floors.entry((publisher, model)).or_insert(0);
        if version <= *floor {
            return Ok(());
        }
        *floor = version;
        self.write(&floors, true)
    }

    /// A lock on a file beside the state, because the state itself is replaced.
    fn lock(&self) -> std::io::Result<File> {
        let file =
            File::options().create(true).truncate(false).write(true).open(beside(&self.path, ".lock"))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    fn read(&self) -> Result<Floors, RollbackError> {
        let text = regular::read(&self.path, LENGTH_LIMIT).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => RollbackError::Missing { path: self.path.clone() },
            _ => RollbackError::Read { path: self.path.clone(), source },
        })?;
        parse(&text).ok_or_else(|| RollbackError::Damaged { path: self.path.clone() })
    }

    fn write(&self, floors: &Floors, replace: bool) -> Result<(), RollbackError> {
        let text = encode(floors);
        AtomicFile::create(&self.path)
            .and_then(|file| file.file().write_all(text.as_bytes()).and_then(|()| file.commit(replace)))
            .map_err(|source| self.write_error(source))
    }

    fn write_error(&self, source: std::io::Error) -> RollbackError {
        RollbackError::Write { path: self.path.clone(), source }
    }
}

/// One line for each floor, then a digest that finds damage.
fn encode(floors: &Floors) -> String {
    let line =
        |((publisher, model), floor): (&(KeyId, ModelId), &u64)| format!("{publisher} {model} {floor}\n");
    let body = format!("{FIRST_LINE}\n{}", floors.iter().map(line).collect::<String>());
    let digest = hex::encode(&sha256(&[body.as_bytes()]));
    format!("{body}sha256 {digest}\n")
}

pub(crate) fn parse(text: &[u8]) -> Option<Floors> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() as u64 <= LENGTH_LIMIT)?;
    let mut lines = text.lines().filter(|line| *line != FIRST_LINE).collect::<Vec<_>>();
    lines.pop()?;
    let floors = lines.into_iter().map(parse_line).collect::<Option<Floors>>()?;
    (encode(&floors) == text).then_some(floors)
}

fn parse_line(line: &str) -> Option<((KeyId, ModelId), u64)> {
    let mut words = line.split(' ');
    let publisher = KeyId(hex::decode32(words.next()?)?);
    let model = ModelId(hex::decode32(words.next()?)?);
    Some(((publisher, model), words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHER: KeyId = KeyId([1; 32]);

    #[test]
    fn a_floor_is_raised_and_never_lowered() {
        let folder = tempfile::tempdir().unwrap();
        let state = RollbackState::create(&folder.path().join("state")).unwrap();
        let model = ModelId::of("m");
        for (version, floor) in [(0, 0), (3, 3), (2, 3), (4, 4)] {
            state.raise(PUBLISHER, model, version).unwrap();
            assert_eq!(state.floor(PUBLISHER, model).unwrap(), floor);
        }
        assert_eq!(state.floor(PUBLISHER, ModelId::of("other")).unwrap(), 0);
    }

    #[test]
    fn a_missing_state_is_denied() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            RollbackState::new(folder.path().join("none")).floor(PUBLISHER, ModelId::of("m")).unwrap_err();
        assert!(matches!(error, RollbackError::Missing { .. }) && error.kind() == ErrorKind::Denied);
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_damage() {
        let floors = Floors::from([((PUBLISHER, ModelId::of("m")), 7)]);
        let good = encode(&floors).into_bytes();
        assert_eq!(parse(&good), Some(floors));
        for position in 0..good.len() {
            let mut flipped = good.clone();
            flipped[position] ^= 1;
            assert_eq!(parse(&flipped), None, "byte {position}");
            assert_eq!(parse(&good[..position]), None, "cut at {position}");
        }
    }

    #[test]
    fn threads_that_raise_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = RollbackState::create(&folder.path().join("state")).unwrap();
        std::thread::scope(|scope| {
            for model in 0..8 {
                let state = &state;
                scope.spawn(move || state.raise(PUBLISHER, ModelId::of(&model.to_string()), 5).unwrap());
            }
        });
        for model in 0..8 {
            assert_eq!(state.floor(PUBLISHER, ModelId::of(&model.to_string())).unwrap(), 5);
        }
    }
}
