//! Work that is done once for the same inputs.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// Makes `folder` with `work` unless it was made from the same `inputs` before.
///
/// The inputs themselves are the stamp, beside the folder as `NAME.stamp`, written last: work that was interrupted is done
/// anew, in an empty place.
///
/// # Errors
///
/// Those of `work`, and those of the file system.
pub(crate) fn once(
    folder: &Path,
    inputs: &str,
    work: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stamp = folder.with_extension("stamp");
    if folder.is_dir() && fs::read_to_string(&stamp).is_ok_and(|made| made == inputs) {
        return Ok(());
    }
    // Before the folder: what an interruption leaves must not look finished.
    absent(fs::remove_file(&stamp), &stamp)?;
    clear(folder)?;
    work()?;
    fs::write(&stamp, inputs).map_err(|error| Failure::file("write", &stamp, &error))
}

/// Removes a folder with all that is in it, if it exists, and makes the folder that it stands in.
///
/// # Errors
///
/// Those of the file system.
pub(crate) fn clear(folder: &Path) -> Result<(), Failure> {
    absent(fs::remove_dir_all(folder), folder)?;
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|error| Failure::file("create", parent, &error))
}

/// What could not be removed because it was not there is as good as removed.
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
        assert_eq!(times.get(), 4, "what was made of \"b\" is gone");
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }
}
