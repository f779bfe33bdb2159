//! The device: its files, its TPM, and the secret that encrypts its cached models.

use std::path::{Path, PathBuf};

use ovseal::{DeviceSecret, DeviceSecretError};
use ovseal_hardware::tpm2::{DEADLINE, KERNEL_TPM, Tpm, TpmError};

use crate::{Code, Explain};

/// Returns the directory for a device's files: `ovseal` in `XDG_STATE_HOME`, or in `.local/state`
/// of the home directory.
///
/// `None` if neither `XDG_STATE_HOME` nor `HOME` is an absolute path.
#[must_use]
pub fn state_directory() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
    state.map(|state| state.join("ovseal"))
}

/// Returns the TPM specified by `tcti`, or else by the variable `OVSEAL_TCTI`; by default the
/// kernel's.
///
/// # Errors
/// [`TpmError`] if the name is malformed.
pub fn tpm(tcti: Option<&str>) -> Result<Tpm, TpmError> {
    let variable = std::env::var("OVSEAL_TCTI").ok().filter(|tcti| !tcti.is_empty());
    Tpm::new(tcti.or(variable.as_deref()).unwrap_or(KERNEL_TPM), DEADLINE)
}

/// Obtains this device's secret for the cache in the directory `cache`.
///
/// The secret is in `file`, or else in `device.secret` in the [state directory](state_directory).
/// It is created on first use.
///
/// # Errors
/// [`Code::Usage`] if the secret would be inside the cache directory, whose copies would include
/// it. [`Code::Environment`] if the secret cannot be read or created, or no directory is known.
pub fn device_secret(cache: &Path, file: Option<&Path>) -> Result<DeviceSecret, StateError> {
    let default = || state_directory().map(|directory| directory.join("device.secret"));
    let path = file.map(Path::to_owned).or_else(default).ok_or(StateError::NoDirectory)?;
    Ok(DeviceSecret::obtain_outside(cache, &path)?)
}

/// Errors of the device's secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// There is no state directory.
    #[error("no directory for the device's secret: set XDG_STATE_HOME or HOME to an absolute path")]
    NoDirectory,
    /// The secret's file cannot be used.
    #[error(transparent)]
    Secret(#[from] DeviceSecretError),
}

impl Explain for StateError {
    fn code(&self) -> Code {
        match self {
            Self::NoDirectory => Code::Environment,
            Self::Secret(error) => error.code(),
        }
    }
}
