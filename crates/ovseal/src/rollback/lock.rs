//! The lock of a rollback state.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ovseal_files::next_to;
use rustix::fs::{Mode, OFlags};

use super::error::RollbackError;

/// Locks the state at `state` exclusively until the returned file is dropped.
///
/// The lock is a separate file, because the state itself is replaced. Only its owner can open the
/// lock file, so no other user can hold the lock.
pub(super) fn exclusive(state: &Path, patience: Duration) -> Result<File, RollbackError> {
    let write = |source: io::Error| RollbackError::Write { path: state.into(), source };
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let path = next_to(state, ".lock");
    let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR);
    let file = File::from(file.map_err(|error| write(error.into()))?);
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begin.elapsed() < patience => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(RollbackError::Locked { path }),
            Err(TryLockError::Error(error)) => return Err(write(error)),
        }
    }
}

const PAUSE: Duration = Duration::from_millis(10);
