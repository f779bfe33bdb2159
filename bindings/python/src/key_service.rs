//! Keys held by the caller's own key service, which consists of two Python functions.

use std::error::Error;
use std::fmt;
use std::sync::Mutex;

use ovseal::{KeyService, ServiceError};
use ovseal_memory::Secret;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PySlice};

use crate::lock;

/// The container for which a key service wraps or unwraps.
///
/// When a container is opened, both ids come from that container. The model id is authentic only if
/// a publisher was specified.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct ServiceContext(ovseal::ServiceContext);

#[pymethods]
impl ServiceContext {
    /// The container's random id, in hexadecimal; different for each sealing.
    #[getter]
    fn container_id(&self) -> String {
        self.0.container_id.to_string()
    }

    /// The model's id, in hexadecimal; the same for all versions of a model.
    #[getter]
    fn model_id(&self) -> String {
        self.0.model_id.to_string()
    }

    /// The 64 bytes to bind as associated data: the container id, then the model id.
    #[getter]
    fn associated_data(&self) -> [u8; 64] {
        self.0.associated_data()
    }

    fn __repr__(&self) -> String {
        format!("<ovseal.ServiceContext: container {}>", self.0.container_id)
    }
}

/// A key service that calls Python functions.
pub(crate) struct Service {
    wrap: Option<Py<PyAny>>,
    unwrap: Option<Py<PyAny>>,
    /// The latest exception from one of the functions.
    error: Mutex<Option<PyErr>>,
}

impl Service {
    /// Fails if neither function is passed, or one is not callable.
    pub(crate) fn new(py: Python<'_>, wrap: Option<Py<PyAny>>, unwrap: Option<Py<PyAny>>) -> PyResult<Self> {
        let functions = [&wrap, &unwrap];
        if functions.iter().all(|function| function.is_none()) {
            return Err(PyTypeError::new_err("pass wrap, unwrap, or both"));
        }
        if functions.into_iter().flatten().any(|function| !function.bind(py).is_callable()) {
            return Err(PyTypeError::new_err("wrap and unwrap must be callable"));
        }
        Ok(Self { wrap, unwrap, error: Mutex::default() })
    }

    pub(crate) fn can_wrap(&self) -> bool {
        self.wrap.is_some()
    }

    /// Removes and returns the latest exception from one of the functions.
    pub(crate) fn take_error(&self) -> Option<PyErr> {
        lock(&self.error).take()
    }

    fn record(&self, py: Python<'_>, error: PyErr) -> ServiceError {
        let name =
            error.get_type(py).name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
        // Dropping an exception may run Python code, so the lock is released first.
        let earlier = lock(&self.error).replace(error);
        drop(earlier);
        Box::new(Raised(name))
    }
}

impl KeyService for Service {
    fn wrap(&self, secret: &[u8; 32], context: &ovseal::ServiceContext) -> Result<Vec<u8>, ServiceError> {
        Python::attach(|py| {
            let Some(function) = &self.wrap else { return Err("wrap was not passed".into()) };
            let secret = PyByteArray::new(py, secret);
            let wrapped = function
                .call1(py, (&secret, ServiceContext(*context)))
                .and_then(|wrapped| wrapped.extract::<Vec<u8>>(py));
            // A caller who needs the secret longer has to copy it.
            let zeroized = secret.set_item(PySlice::full(py), PyByteArray::new(py, &[0; 32]));
            zeroized.and(wrapped).map_err(|error| self.record(py, error))
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
            let secret = secret.map_err(|error| self.record(py, error))?;
            if secret.is_none(py) {
                return Ok(None);
            }
            let secret =
                secret.extract::<PyBackedBytes>(py).map_err(|error| self.record(py, error.into()))?;
            let length = || PyValueError::new_err("unwrap must return 32 bytes");
            let secret: &[u8; 32] = secret[..].try_into().map_err(|_| self.record(py, length()))?;
            Ok(Some(Secret::from_fn(|bytes| *bytes = *secret)))
        })
    }
}

/// The name of an exception from a callback. Its message may contain anything and is left out.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the callback raised {}", self.0)
    }
}

impl Error for Raised {}
