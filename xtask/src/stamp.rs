//! Avoids repeating work while its inputs are unchanged.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// Creates `folder` by calling `work`, unless it was created from the same `inputs` before.
///
/// The inputs are written last, to `NAME.stamp` next to the directory. Interrupted work is repeated
/// from the start.
///
/// # Errors
///
/// Any error of `work` or of the file system.
pub(crate) fn once(
    folder: &Path,
    inputs: &str,
    work: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stamp = folder.with_extension("stamp");
    if folder.is_dir() && fs::read_to_string(&stamp).is_ok_and(|made| made == inputs) {
        return Ok(());
    }
    // Remove the stamp first, so that interrupted work never looks finished.
    absent(fs::remove_file(&stamp), &stamp)?;
    clear(folder)?;
    work()?;
    fs::write(&stamp, inputs).map_err(|error| Failure::file("write", &stamp, &error))
}

/// Removes a directory and its contents, if it exists, and creates its parent.
///
/// # Errors
///
/// Any error of the file system.
pub(crate) fn clear(folder: &Path) -> Result<(), Failure> {
    absent(fs::remove_dir_all(folder), folder)?;
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|error| Failure::file("create", parent, &error))
}

/// Ignores the error for a file that did not exist.
fn absent(removed: std::io::Result<()>, path: &Path) -> Result<(), Failure> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file("remove", path, &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn work_is_repeated_only_for_other_inputs() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}/made", std::process::id()));
        let times = Cell::new(0);
        let work = || {
            times.set(times.get() + 1);
            fs::create_dir_all(&folder).map_err(|error| Failure::file("create", &folder, &error))
        };
        for inputs in ["a", "a", "b", "b"] {
            once(&folder, inputs, work).unwrap();
        }
        assert_eq!(times.get(), 2);
        let half = || work().and(Err(Failure::new("interrupted")));
        once(&folder, "c", half).unwrap_err();
        once(&folder, "b", work).unwrap();
        assert_eq!(times.get(), 4, "the result for \"b\" must be gone");
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }
}
