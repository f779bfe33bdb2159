//! The file that a new container may replace.

use std::io;
use std::path::Path;

use super::SealError;
use crate::container::is_container_file;

/// Fails if something at `path` must not be replaced by a container.
///
/// Only a container is replaced, and only if `replace` is set. A symbolic link is neither followed
/// nor replaced, because the user might not notice that it is a link. A pipe, a device or a
/// directory is not replaced either.
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
