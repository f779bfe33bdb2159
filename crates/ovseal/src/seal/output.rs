//! What may stand in the place of a new container.

use std::io;
use std::path::Path;

use super::SealError;
use crate::container::is_container_file;

/// Fails if something stands at `path` that a container must not replace.
///
/// Only a container is replaced, and only if `replace` is set. A symbolic link is not followed and not replaced: what it
/// names, or that it was a link, could be overlooked. The same goes for a pipe, a device and a directory.
pub(super) fn check(path: &Path, replace: bool) -> Result<(), SealError> {
    let what = match ovseal_files::irregular(path) {
        Err(_) => return Ok(()),
        Ok(_) if !replace => return Err(SealError::Write(io::ErrorKind::AlreadyExists.into())),
        Ok(Some(what)) => what,
        Ok(None) if is_container_file(path).map_err(SealError::Write)? => return Ok(()),
        Ok(None) => "another file",
    };
    Err(SealError::Irreplaceable { what })
}
