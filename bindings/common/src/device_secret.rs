//! The secret of this device, with which compiled models are kept.

use std::path::Path;

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
    Ok(DeviceSecret::obtain_outside(cache, &path)?)
}
