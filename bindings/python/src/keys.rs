//! Keys that open, and keys that are sealed to.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ovseal::{KeyService, ServiceError};
use ovseal_frontend::{Code, Failure};
use ovseal_memory::Secret;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyList, PyTuple};

use crate::failure::{failed, raise};
use crate::home::Home;
use crate::warnings;

/// What opens a container, or what it is sealed to, or both.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct Key {
    key: ovseal_frontend::Key,
    kind: &'static str,
    service: Option<Arc<Service>>,
    home: Home,
}

#[pymethods]
impl Key {
    fn __repr__(&self) -> String {
        format!("<ovseal.Key: {}>", self.kind)
    }
}

impl Key {
    pub(crate) fn new(key: ovseal_frontend::Key, kind: &'static str) -> Self {
        Self { key, kind, service: None, home: Home::here() }
    }
}

/// A passphrase, for sealing and opening: UTF-8 of 1 to 1024 bytes, of which one final line ending does not count.
#[pyfunction]
pub(crate) fn passphrase(text: &Bound<'_, PyAny>) -> PyResult<Key> {
    warnings::unlocked_keys(text.py())?;
    let key = match text.extract::<&str>() {
        Ok(text) => ovseal_frontend::Key::passphrase(text.as_bytes()),
        Err(_) => ovseal_frontend::Key::passphrase(&text.extract::<PyBackedBytes>()?),
    };
    key.map(|key| Key::new(key, "passphrase")).map_err(failed)
}

/// A key file, by its path or by its 32 bytes, for sealing and opening.
#[pyfunction]
pub(crate) fn keyfile(path_or_bytes: &Bound<'_, PyAny>) -> PyResult<Key> {
    let key = match path_or_bytes.extract::<PyBackedBytes>() {
        Ok(bytes) => ovseal_frontend::Key::keyfile(&bytes),
        Err(_) => ovseal_frontend::Key::keyfile_at(&path_or_bytes.extract::<PathBuf>()?),
    };
    warnings::about(path_or_bytes.py(), key.map_err(failed)?, "key file")
}

/// The identities in a file, by its path or by its bytes. They open, and what belongs to them is sealed to.
#[pyfunction]
pub(crate) fn identity(path_or_bytes: &Bound<'_, PyAny>) -> PyResult<Key> {
    let key = match path_or_bytes.extract::<PyBackedBytes>() {
        Ok(text) => ovseal_frontend::Key::identities_in(&text),
        Err(_) => ovseal_frontend::Key::identities_at(&path_or_bytes.extract::<PathBuf>()?),
    };
    warnings::about(path_or_bytes.py(), key.map_err(failed)?, "identity")
}

/// A public key, `age1…`, `age1pq1…` or `ovdev1…`, for sealing.
#[pyfunction]
pub(crate) fn recipient(text: &str) -> PyResult<Key> {
    ovseal_frontend::Key::recipient(text).map(|key| Key::new(key, "recipient")).map_err(failed)
}

/// This device's own key, in its TPM. It opens; what is sealed to is the recipient that `ovseal device enroll` prints.
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
    let pin = pin.transpose()?.map(zeroize::Zeroizing::new);
    let pin = pin.as_ref().map(|pin| &pin[..]);
    let key = py.detach(|| ovseal_frontend::Key::device(folder.as_deref(), tcti, pin));
    key.map(|key| Key::new(key, "device")).map_err(failed)
}

/// A key that the caller's own key service holds.
///
/// `wrap(secret, context)` gets 32 random bytes as a `bytearray`, which is zeroized afterwards, and
/// gives what the service makes of them, at most 8 KiB. `unwrap(wrapped, context)` gives the 32
/// bytes again, or `None` when another key made them. `context` says for which container, so that a
/// service can limit, log, and bind it. Both are called in a thread of their own.
#[pyfunction]
#[pyo3(signature = (*, wrap = None, unwrap = None))]
pub(crate) fn callback(py: Python<'_>, wrap: Option<Py<PyAny>>, unwrap: Option<Py<PyAny>>) -> PyResult<Key> {
    let functions = [&wrap, &unwrap];
    if functions.iter().all(|function| function.is_none()) {
        return Err(PyTypeError::new_err("neither wrap nor unwrap is given"));
    }
    if functions.into_iter().flatten().any(|function| !function.bind(py).is_callable()) {
        return Err(PyTypeError::new_err("wrap and unwrap are functions"));
    }
    let service = Arc::new(Service { wrap, unwrap, error: Mutex::default() });
    let key = ovseal_frontend::Key::service(service.clone());
    Ok(Key { service: Some(service), ..Key::new(key, "call-back") })
}

/// The container for which a key service wraps or unwraps.
///
/// When a container is opened, both ids come from the container. The model id is authentic if a
/// publisher was named.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct ServiceContext(ovseal::ServiceContext);

#[pymethods]
impl ServiceContext {
    /// The container's random name, in hexadecimal digits: another one for each sealing.
    #[getter]
    fn container_id(&self) -> String {
        self.0.container_id.to_string()
    }

    /// The id of the model, in hexadecimal digits: the same for all versions of a model.
    #[getter]
    fn model_id(&self) -> String {
        self.0.model_id.to_string()
    }

    /// The 64 bytes that a service should bind as associated data: container id, then model id.
    #[getter]
    fn associated_data(&self) -> [u8; 64] {
        self.0.associated_data()
    }

    fn __repr__(&self) -> String {
        format!("<ovseal.ServiceContext: container {}>", self.0.container_id)
    }
}

/// The caller's keys for one call.
pub(crate) struct Keys {
    key: ovseal_frontend::Key,
    services: Vec<Arc<Service>>,
}

impl Keys {
    /// Takes a key or several; without any, that of the device.
    pub(crate) fn opening(py: Python<'_>, keys: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        match keys {
            Some(keys) => Self::take(keys, false),
            None => Self::take(Bound::new(py, device(py, None, None, None)?)?.as_any(), false),
        }
    }

    /// Takes what is sealed to, which may be text, too.
    pub(crate) fn sealing(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let keys = Self::take(keys, true)?;
        if keys.services.iter().any(|service| service.wrap.is_none()) {
            return Err(raise(Failure::new(Code::Usage, "a call-back that is sealed to needs wrap")));
        }
        Ok(keys)
    }

    fn take(keys: &Bound<'_, PyAny>, is_sealing: bool) -> PyResult<Self> {
        let mut taken = Self { key: ovseal_frontend::Key::default(), services: Vec::new() };
        if keys.is_instance_of::<PyList>() || keys.is_instance_of::<PyTuple>() {
            keys.try_iter()?.try_for_each(|key| taken.add(&key?, is_sealing))?;
        } else {
            taken.add(keys, is_sealing)?;
        }
        Ok(taken)
    }

    fn add(&mut self, key: &Bound<'_, PyAny>, is_sealing: bool) -> PyResult<()> {
        if let (true, Ok(text)) = (is_sealing, key.extract::<&str>()) {
            self.key =
                std::mem::take(&mut self.key).and(&ovseal_frontend::Key::recipient(text).map_err(failed)?);
            return Ok(());
        }
        let Ok(key) = key.cast::<Key>() else {
            let name = key.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "a key is what ovseal.passphrase and others give, not {name}"
            )));
        };
        let key = key.get();
        key.home.check()?;
        let keys = if is_sealing { key.key.to_be_sealed_to().map_err(failed)? } else { &key.key };
        self.key = std::mem::take(&mut self.key).and(keys);
        if let Some(service) = &key.service {
            // What it raised in an earlier call explains nothing of this one. It may run code when it is dropped, so not under the lock.
            let earlier = service.raised().take();
            drop(earlier);
        }
        self.services.extend(key.service.clone());
        Ok(())
    }

    /// The keys as the crates take them.
    pub(crate) fn key(&self) -> &ovseal_frontend::Key {
        &self.key
    }

    /// These keys, whose call-backs and those of `others` can be the cause of a failure.
    pub(crate) fn beside(mut self, others: Option<&Self>) -> Self {
        self.services.extend(others.into_iter().flat_map(|others| others.services.iter().cloned()));
        self
    }

    /// The exception for a failure; its cause is what a call-back raised meanwhile.
    pub(crate) fn failed(&self, py: Python<'_>, error: impl Into<Failure>) -> PyErr {
        let exception = failed(error);
        let raised = self.services.iter().find_map(|service| service.raised().take());
        if raised.is_some() {
            exception.set_cause(py, raised);
        }
        exception
    }
}

/// A key service that Python functions stand for.
struct Service {
    wrap: Option<Py<PyAny>>,
    unwrap: Option<Py<PyAny>>,
    /// What a function has raised last.
    error: Mutex<Option<PyErr>>,
}

/// What a function raised, without its own words, which are the caller's.
#[derive(Debug)]
struct Raised(String);

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the call-back raised {}", self.0)
    }
}

impl std::error::Error for Raised {}

impl Service {
    fn raised(&self) -> std::sync::MutexGuard<'_, Option<PyErr>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, py: Python<'_>, error: PyErr) -> ServiceError {
        let name =
            error.get_type(py).name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
        // The one before may run code when it is dropped, so not under the lock.
        let earlier = self.raised().replace(error);
        drop(earlier);
        Box::new(Raised(name))
    }
}

impl KeyService for Service {
    fn wrap(&self, secret: &[u8; 32], context: &ovseal::ServiceContext) -> Result<Vec<u8>, ServiceError> {
        Python::attach(|py| {
            let Some(function) = &self.wrap else { return Err("no wrap is given".into()) };
            let secret = PyByteArray::new(py, secret);
            let wrapped = function
                .call1(py, (&secret, ServiceContext(*context)))
                .and_then(|wrapped| wrapped.extract::<Vec<u8>>(py));
            // The caller may have kept it, but then as a copy of his own.
            let zeroized = secret.set_item(pyo3::types::PySlice::full(py), PyByteArray::new(py, &[0; 32]));
            zeroized.and(wrapped).map_err(|error| self.note(py, error))
        })
    }

    fn unwrap(
        &self,
        wrapped: &[u8],
        context: &ovseal::ServiceContext,
    ) -> Result<Option<Secret<32>>, ServiceError> {
        Python::attach(|py| {
            let Some(function) = &self.unwrap else { return Ok(None) };
            let secret = function.call1(py, (wrapped, ServiceContext(*context)));
            let secret = secret.map_err(|error| self.note(py, error))?;
            if secret.is_none(py) {
                return Ok(None);
            }
            let secret = secret.extract::<PyBackedBytes>(py).map_err(|error| self.note(py, error.into()))?;
            let length = || PyValueError::new_err("unwrap gave something else than 32 bytes");
            let secret: &[u8; 32] = secret[..].try_into().map_err(|_| self.note(py, length()))?;
            Ok(Some(Secret::from_fn(|bytes| *bytes = *secret)))
        })
    }
}
