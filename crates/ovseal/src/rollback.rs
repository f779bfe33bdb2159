//! Rollback state: the least security version that a device accepts of each publisher's models.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::atomic::{AtomicFile, beside};
use crate::error::ErrorKind;
use crate::hex;
use crate::regular;
use crate::statement::{KeyId, ModelId};
use crate::suite::sha256;

const FIRST_LINE: &str = "ovseal-rollback-state 1";
const LENGTH_LIMIT: u64 = 1 << 20;

/// The lock is held for milliseconds; after five seconds something is wrong.
const LOCK_ATTEMPTS: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

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
    /// Other processes keep the lock.
    #[error("{} stays locked by another process", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// There are more models than the file can hold.
    #[error("the rollback state {} is full", path.display())]
    Full {
        /// The file.
        path: PathBuf,
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
            Self::Write { .. } | Self::Locked { .. } | Self::Full { .. } => ErrorKind::Environment,
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

    /// Raises the floor of a publisher's model to at least `version`, atomically and under a lock, and gives the floor.
    ///
    /// # Errors
    /// [`RollbackError`] when the state is missing, damaged, full or locked, or cannot be written.
    pub fn raise(&self, publisher: KeyId, model: ModelId, version: u64) -> Result<u64, RollbackError> {
        // By whatever link it is named, there is one state and one lock.
        let path = self.path.canonicalize().map_err(|source| self.read_error(source))?;
        let state = Self { path };
        let _lock = state.lock()?;
        let mut floors = state.read()?;
        let floor = floors.entry((publisher, model)).or_insert(0);
        if version <= *floor {
            return Ok(*floor);
        }
        *floor = version;
        state.write(&floors, true)?;
        Ok(version)
    }

    /// Takes the lock, which stands beside the state because the state itself is replaced.
    ///
    /// Only the owner can open it, so nobody else can keep it.
    fn lock(&self) -> Result<File, RollbackError> {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = beside(&self.path, ".lock");
        let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR);
        let file = File::from(file.map_err(|error| self.write_error(error.into()))?);
        for _ in 0..LOCK_ATTEMPTS {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
                Err(error) => return Err(self.write_error(error.into())),
            }
        }
        Err(RollbackError::Locked { path })
    }

    fn read(&self) -> Result<Floors, RollbackError> {
        let text = regular::read(&self.path, LENGTH_LIMIT).map_err(|source| self.read_error(source))?;
        parse(&text).ok_or_else(|| RollbackError::Damaged { path: self.path.clone() })
    }

    /// Writes the state; one that is replaced keeps its permissions.
    fn write(&self, floors: &Floors, replace: bool) -> Result<(), RollbackError> {
        let text = encode(floors);
        if text.len() as u64 > LENGTH_LIMIT {
            return Err(RollbackError::Full { path: self.path.clone() });
        }
        let permissions =
            self.path.metadata().map(|metadata| metadata.permissions()).ok().filter(|_| replace);
        let write = || -> std::io::Result<()> {
            let file = AtomicFile::create(&self.path)?;
            permissions.map_or(Ok(()), |permissions| file.file().set_permissions(permissions))?;
            file.file().write_all(text.as_bytes())?;
            file.commit(replace)
        };
        write().map_err(|source| self.write_error(source))
    }

    fn read_error(&self, source: std::io::Error) -> RollbackError {
        match source.kind() {
            std::io::ErrorKind::NotFound => RollbackError::Missing { path: self.path.clone() },
            _ => RollbackError::Read { path: self.path.clone(), source },
        }
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
            assert_eq!(state.raise(PUBLISHER, model, version).unwrap(), floor);
            assert_eq!(state.floor(PUBLISHER, model).unwrap(), floor);
        }
        assert_eq!(state.floor(PUBLISHER, ModelId::of("other")).unwrap(), 0);
    }

    #[test]
    fn a_state_behind_a_link_is_raised_where_it_is_and_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("state"), folder.path().join("link"));
        let state = RollbackState::create(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        RollbackState::new(&link).raise(PUBLISHER, ModelId::of("m"), 3).unwrap();
        assert!(link.is_symlink());
        assert_eq!(state.floor(PUBLISHER, ModelId::of("m")).unwrap(), 3);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let lock = folder.path().join("state.lock").metadata().unwrap();
        assert_eq!(lock.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_full_state_is_told_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let state = RollbackState::create(&folder.path().join("state")).unwrap();
        let many = (0..8000).map(|i| ((PUBLISHER, ModelId::of(&i.to_string())), 1)).collect();
        assert!(matches!(state.write(&many, true), Err(RollbackError::Full { .. })));
        assert!(state.read().unwrap().is_empty());
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
