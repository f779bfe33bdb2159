//! The secret of this device, with which compiled models are kept.

use std::path::{Path, PathBuf};

use ovseal::DeviceSecret;
use ovseal_hardware::tpm2::default_folder;

use crate::{Code, Failure};

/// Obtains the secret in `file`, or else in `device.secret` beside the device's other files, for a cache in the folder `cache`.
///
/// # Errors
/// [`Code::Usage`] when it would stand in the cache itself: whoever copies that must not have copied this, too. [`Code::Environment`] when it
/// cannot be read or made, or no folder is known.
pub fn device_secret(cache: &Path, file: Option<&Path>) -> Result<DeviceSecret, Failure> {
    let beside = || default_folder().map(|folder| folder.join("device.secret"));
    let nowhere = || {
        let message = "neither XDG_STATE_HOME nor HOME names a folder for the device's secret";
        Failure::new(Code::Environment, message)
    };
    let path = file.map(Path::to_owned).or_else(beside).ok_or_else(nowhere)?;
    if real(&path).starts_with(real(cache)) {
        let message = format!("the device's secret would stand in the cache itself, at {}", path.display());
        return Err(Failure::new(Code::Usage, message));
    }
    DeviceSecret::obtain(&path).map_err(|error| Failure::of(Code::Environment, &error))
}

/// The path without symbolic links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let resolved =
        |ancestor: &Path| Some(ancestor.canonicalize().ok()?.join(path.strip_prefix(ancestor).ok()?));
    path.ancestors().find_map(resolved).unwrap_or_else(|| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_cache_is_refused_through_links_too() {
        let folder = tempfile::tempdir().unwrap();
        let [cache, link] = ["cache", "link"].map(|name| folder.path().join(name));
        std::fs::create_dir(&cache).unwrap();
        std::os::unix::fs::symlink(&cache, &link).unwrap();
        for file in [cache.join("secret"), link.join("a/secret")] {
            let failure = device_secret(&cache, Some(&file)).unwrap_err();
            assert_eq!(failure.code, Code::Usage, "{failure:?}");
        }
        assert!(device_secret(&cache, Some(&folder.path().join("cache-secret"))).is_ok());
        assert_eq!(cache.read_dir().unwrap().count(), 0);
    }
}
