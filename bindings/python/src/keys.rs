//! Keys that open containers, and keys to which models are sealed.

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal_frontend::Failure;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use zeroize::Zeroizing;

use crate::failure::{failed, usage};
use crate::key_service::Service;
use crate::owner_process::OwnerProcess;
use crate::requirements::each;
use crate::warnings;

/// A key that opens containers, or to which a model can be sealed, or both.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct Key {
    key: ovseal_frontend::Key,
    kind: &'static str,
    service: Option<Arc<Service>>,
    process: OwnerProcess,
}

#[pymethods]
impl Key {
    fn __repr__(&self) -> String {
        format!("<ovseal.Key: {}>", self.kind)
    }
}

impl Key {
    fn new(key: ovseal_frontend::Key, kind: &'static str) -> Self {
        Self { key, kind, service: None, process: OwnerProcess::current() }
    }
}

/// Return a passphrase, to seal and to open.
///
/// Args:
///     text: UTF-8 of 1 to 1024 bytes. A single trailing newline is ignored.
#[pyfunction]
pub(crate) fn passphrase(text: &Bound<'_, PyAny>) -> PyResult<Key> {
    warnings::unlocked_keys(text.py())?;
    let key = match text.extract::<&str>() {
        Ok(text) => ovseal_frontend::Key::passphrase(text.as_bytes()),
        Err(_) => ovseal_frontend::Key::passphrase(&text.extract::<PyBackedBytes>()?),
    };
    key.map(|key| Key::new(key, "passphrase")).map_err(failed)
}

/// Return a key file, to seal and to open.
///
/// Args:
///     path_or_bytes: The path of the file, or its 32 bytes.
#[pyfunction]
pub(crate) fn keyfile(path_or_bytes: &Bound<'_, PyAny>) -> PyResult<Key> {
    use ovseal_frontend::Key;

    secret_file(path_or_bytes, "key file", Key::keyfile, Key::keyfile_at)
}

/// Return the identities in a file, to open, and to seal to their recipients.
///
/// Args:
///     path_or_bytes: The path of the file, or its content.
#[pyfunction]
pub(crate) fn identity(path_or_bytes: &Bound<'_, PyAny>) -> PyResult<Key> {
    use ovseal_frontend::Key;

    secret_file(path_or_bytes, "identity", Key::identities_in, Key::identities_at)
}

/// Reads a key from bytes, or from the file at a path. Warns if other users can access the file, or
/// if keys cannot be locked in memory.
fn secret_file(
    path_or_bytes: &Bound<'_, PyAny>,
    kind: &'static str,
    parse: fn(&[u8]) -> Result<ovseal_frontend::Key, Failure>,
    read: fn(&Path) -> Result<ovseal_frontend::Key, Failure>,
) -> PyResult<Key> {
    let key = match path_or_bytes.extract::<PyBackedBytes>() {
        Ok(bytes) => parse(&bytes),
        Err(_) => read(&path_or_bytes.extract::<PathBuf>()?),
    };
    let key = key.map_err(failed)?;
    warnings::unlocked_keys(path_or_bytes.py())?;
    key.origins().iter().try_for_each(|origin| warnings::exposed(path_or_bytes.py(), origin))?;
    Ok(Key::new(key, kind))
}

/// Return a public key, to seal.
///
/// Args:
///     text: ``age1…``, ``age1pq1…``, or ``ovdev1…`` for a device's TPM.
#[pyfunction]
pub(crate) fn recipient(text: &str) -> PyResult<Key> {
    ovseal_frontend::Key::recipient(text).map(|key| Key::new(key, "recipient")).map_err(failed)
}

/// Return this device's own key, held by its TPM, to open.
///
/// To seal to the device, use the recipient that ``ovseal device enroll`` prints.
///
/// Args:
///     folder: The directory with the device's state; by default the one that the command uses.
///     tcti: The TPM to use, as a TCTI string; by default ``OVSEAL_TCTI``, then the kernel's TPM.
///     pin: The PIN, if the key has one.
#[pyfunction]
#[pyo3(signature = (folder = None, *, tcti = None, pin = None))]
pub(crate) fn device(
    py: Python<'_>,
    folder: Option<PathBuf>,
    tcti: Option<&str>,
    pin: Option<&Bound<'_, PyAny>>,
) -> PyResult<Key> {
    let pin = pin.map(|pin| match pin.extract::<&str>() {
        Ok(text) => Ok(text.as_bytes().to_vec()),
        Err(_) => pin.extract::<Vec<u8>>(),
    });
    let pin = pin.transpose()?.map(Zeroizing::new);
    let pin = pin.as_ref().map(|pin| &pin[..]);
    let key = py.detach(|| ovseal_frontend::Key::device(folder.as_deref(), tcti, pin));
    key.map(|key| Key::new(key, "device")).map_err(failed)
}

/// Return a key held by your own key service.
///
/// Both functions receive a `ServiceContext`. The service can use it to authorize and log requests,
/// and should bind it. The functions are called on a separate thread. An exception from one of them
/// becomes the ``__cause__`` of the `Error` that is raised.
///
/// Args:
///     wrap: Called as ``wrap(secret, context)`` to seal. ``secret`` is a ``bytearray`` of 32
///         random bytes, which is zeroized afterwards. Returns the wrapped secret, 1 byte to 8 KiB.
///     unwrap: Called as ``unwrap(wrapped, context)`` to open. Returns the same 32 bytes, or
///         ``None`` if another key wrapped them.
///
/// Raises:
///     TypeError: If neither function is passed, or one is not callable.
#[pyfunction]
#[pyo3(signature = (*, wrap = None, unwrap = None))]
pub(crate) fn callback(py: Python<'_>, wrap: Option<Py<PyAny>>, unwrap: Option<Py<PyAny>>) -> PyResult<Key> {
    let service = Arc::new(Service::new(py, wrap, unwrap)?);
    let key = ovseal_frontend::Key::service(service.clone());
    Ok(Key { service: Some(service), ..Key::new(key, "callback") })
}

/// The keys that a caller passes to one call.
pub(crate) struct Keys {
    key: ovseal_frontend::Key,
    services: Vec<Arc<Service>>,
}

impl Keys {
    /// Takes the keys to open with: one or several, or by default the device's own.
    pub(crate) fn opening(py: Python<'_>, keys: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        match keys {
            Some(keys) => Self::collect(keys, false),
            None => Self::collect(Bound::new(py, device(py, None, None, None)?)?.as_any(), false),
        }
    }

    /// Takes the recipients to seal to: keys, or strings.
    pub(crate) fn sealing(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let keys = Self::collect(keys, true)?;
        if keys.services.iter().any(|service| !service.can_wrap()) {
            return Err(usage("a callback used as a recipient needs wrap"));
        }
        Ok(keys)
    }

    fn collect(keys: &Bound<'_, PyAny>, is_sealing: bool) -> PyResult<Self> {
        let mut collected = Self { key: ovseal_frontend::Key::default(), services: Vec::new() };
        each(keys, |key| collected.add(key, is_sealing))?;
        Ok(collected)
    }

    fn add(&mut self, key: &Bound<'_, PyAny>, is_sealing: bool) -> PyResult<()> {
        if let (true, Ok(text)) = (is_sealing, key.extract::<&str>()) {
            self.key = mem::take(&mut self.key).and(&ovseal_frontend::Key::recipient(text).map_err(failed)?);
            return Ok(());
        }
        let Ok(key) = key.cast::<Key>() else {
            let name = key.get_type().name()?;
            return Err(PyTypeError::new_err(format!("a key must be an ovseal.Key, not {name}")));
        };
        let key = key.get();
        key.process.check()?;
        let keys = if is_sealing { key.key.to_be_sealed_to().map_err(failed)? } else { &key.key };
        self.key = mem::take(&mut self.key).and(keys);
        if let Some(service) = &key.service {
            // An exception from an earlier call is not the cause of a failure in this call.
            drop(service.take_error());
        }
        self.services.extend(key.service.clone());
        Ok(())
    }

    /// Returns the keys in the crates' own type.
    pub(crate) fn key(&self) -> &ovseal_frontend::Key {
        &self.key
    }

    /// Adds the callbacks of `others`, whose exceptions can then also be the cause of a failure.
    pub(crate) fn with_callbacks_of(mut self, others: Option<&Self>) -> Self {
        self.services.extend(others.into_iter().flat_map(|others| others.services.iter().cloned()));
        self
    }

    /// Returns the exception for a failure, caused by the latest exception from a callback.
    pub(crate) fn failed(&self, py: Python<'_>, error: impl Into<Failure>) -> PyErr {
        let exception = failed(error);
        let raised = self.services.iter().find_map(|service| service.take_error());
        if raised.is_some() {
            exception.set_cause(py, raised);
        }
        exception
    }
}
