//! The lock under which a container or the files beside it are written.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::RekeyError;
use crate::container::Container;

/// Locks the container at `path` for whoever writes beside it, and reads it from the same descriptor.
pub(super) fn shared(path: &Path) -> Result<(Container, File), RekeyError> {
    let write = |source| RekeyError::Write { path: path.into(), source };
    let canonical = path.canonicalize().map_err(write)?;
    let file = ovseal_files::open(&canonical).map_err(write)?;
    exclusively(&file, &canonical)?;
    let container = Container::from_file(file.try_clone().map_err(write)?, canonical)?;
    Ok((container, file))
}

/// Takes the exclusive lock on `file`, which must still be what stands at `path`.
pub(super) fn exclusively(file: &File, path: &Path) -> Result<(), RekeyError> {
    let write = |source| RekeyError::Write { path: path.into(), source };
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(RekeyError::Locked { path: path.into() }),
        Err(error) => return Err(write(error.into())),
    }
    check_in_place(file, path)
}

/// Fails if `file` is no longer what stands at `path`: another process put a new container in its place.
pub(super) fn check_in_place(file: &File, path: &Path) -> Result<(), RekeyError> {
    let write = |source| RekeyError::Write { path: path.into(), source };
    let (ours, named) = (file.metadata().map_err(write)?, path.metadata().map_err(write)?);
    let same = (ours.dev(), ours.ino()) == (named.dev(), named.ino());
    if same { Ok(()) } else { Err(RekeyError::Replaced { path: path.into() }) }
}
