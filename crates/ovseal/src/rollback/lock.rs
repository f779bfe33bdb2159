//! The lock of a rollback state.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use ovseal_files::next_to;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::error::RollbackError;

/// Locks the state at `state` exclusively until the returned file is dropped.
///
/// The lock is a file of its own, because the state itself is replaced. Only its owner can open it,
/// so no other user can hold it.
pub(super) fn exclusive(state: &Path, patience: Duration) -> Result<File, RollbackError> {
    let write = |error: Errno| RollbackError::Write { path: state.into(), source: error.into() };
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let path = next_to(state, ".lock");
    let file = File::from(rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(write)?);
    let begin = Instant::now();
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if begin.elapsed() < patience => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return Err(RollbackError::Locked { path }),
            Err(error) => return Err(write(error)),
        }
    }
}

const PAUSE: Duration = Duration::from_millis(10);
