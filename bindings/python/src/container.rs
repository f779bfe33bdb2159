//! A container that was opened.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ovseal::{KeyId, Opened};
use ovseal_frontend::{Code, Failure};
use ovseal_openvino::find_compiled;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};

use crate::demands::Demands;
use crate::failure::{failed, raise};
use crate::home::Home;
use crate::keys::Keys;
use crate::part::Part;
use crate::source::Source;
use crate::work::{self, Meter};

/// An opened container: its manifest is authentic, and its parts can be read.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct Container {
    shared: Arc<Shared>,
    parts: Py<PyTuple>,
}

/// What a container and its parts share.
pub(crate) struct Shared {
    opened: Mutex<Option<Opened>>,
    /// Bytes that were decrypted.
    pub(crate) done: Arc<AtomicU64>,
    home: Home,
}

impl Shared {
    /// The open container, in the process that opened it.
    pub(crate) fn opened(&self) -> PyResult<Opened> {
        self.home.check()?;
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        opened.ok_or_else(|| raise(Failure::new(Code::Closed, "the container is closed")))
    }
}

/// Opens a container.
///
/// `source` is a path, a binary file object or bytes; `key` is what `ovseal.passphrase` and others give, or several of them, and
/// without one this device's own. `publisher` is whose signature is demanded, or `ovseal.ANY_SENDER`. Only a container for
/// passphrases and key files alone opens without. `publisher` may be a dictionary of model names: then
/// each publisher is trusted for that name only. `kdf_limit` is the most work for passphrases, in MiB of memory times passes.
#[pyfunction]
#[pyo3(signature = (source, *, key = None, publisher = None, name = None, min_security_version = None, rollback_state = None, threads = None, kdf_limit = None, _stacklevel = 1))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn open(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    key: Option<&Bound<'_, PyAny>>,
    publisher: Option<&Bound<'_, PyAny>>,
    name: Option<&str>,
    min_security_version: Option<u64>,
    rollback_state: Option<PathBuf>,
    threads: Option<usize>,
    kdf_limit: Option<u32>,
    _stacklevel: i32,
) -> PyResult<Container> {
    let names_no_sender = publisher.is_none();
    let demands = Demands { publisher, name, min_security_version, rollback_state, threads, kdf_limit };
    let (source, done) = (Source::take(source)?, Arc::<AtomicU64>::default());
    let counter = Arc::clone(&done);
    let options = demands.options()?.progress(move |bytes| {
        counter.fetch_add(bytes, Ordering::Relaxed);
    });
    let keys = Keys::opening(py, key)?;
    let opened = work::run(py, &Meter::new(0, None), || match source {
        Source::Path(path) => options.open(&path, &keys.key().identities()),
        Source::Open(source) => options.open_source(source, &keys.key().identities()),
    })?;
    let opened = opened.map_err(|error| keys.failed(py, error))?;
    if names_no_sender {
        warn_if_unsigned(py, opened.claimed_publishers(), _stacklevel)?;
    }
    Container::new(py, opened, done)
}

impl Container {
    fn new(py: Python<'_>, opened: Opened, done: Arc<AtomicU64>) -> PyResult<Self> {
        let entries = opened.manifest().parts.clone();
        let shared = Arc::new(Shared { opened: Mutex::new(Some(opened)), done, home: Home::here() });
        let parts = entries.into_iter().map(|entry| Py::new(py, Part::new(Arc::clone(&shared), entry)));
        let parts = parts.collect::<PyResult<Vec<_>>>()?;
        Ok(Self { shared, parts: PyTuple::new(py, parts)?.unbind() })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn find(&self, py: Python<'_>, path: &str) -> Option<Py<Part>> {
        let parts = self.parts.bind(py).iter().filter_map(|part| part.cast_into::<Part>().ok());
        parts.into_iter().find(|part| part.get().path() == path).map(Bound::unbind)
    }
}

#[pymethods]
impl Container {
    /// The model's name.
    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(self.shared.opened()?.manifest().name.as_str().to_owned())
    }

    /// The model's security version.
    #[getter]
    fn security_version(&self) -> PyResult<u64> {
        Ok(self.shared.opened()?.manifest().security_version)
    }

    /// The container's random name, in hexadecimal digits.
    #[getter]
    fn container_id(&self) -> PyResult<String> {
        Ok(self.shared.opened()?.container_id().to_string())
    }

    /// The key id of the trusted publisher who signed; `None` when no publisher was named.
    #[getter]
    fn publisher(&self) -> PyResult<Option<String>> {
        Ok(self.shared.opened()?.publisher().map(|id| id.to_string()))
    }

    /// All parts, in the order of the container.
    #[getter]
    fn parts(&self, py: Python<'_>) -> PyResult<Py<PyTuple>> {
        self.shared.opened()?;
        Ok(self.parts.clone_ref(py))
    }

    /// Records the security version in the rollback state, if there is one.
    fn accept(&self, py: Python<'_>) -> PyResult<()> {
        let opened = self.shared.opened()?;
        py.detach(|| opened.accept()).map_err(failed)
    }

    /// Forgets the keys and what was decrypted. Buffers that are in use stay.
    fn close(&self, py: Python<'_>) {
        self.shared.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        let parts = self.parts.bind(py).iter().filter_map(|part| part.cast_into::<Part>().ok());
        parts.into_iter().for_each(|part| part.get().forget());
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.shared.opened.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The compiled model at `path`, or the only one.
    fn _compiled(&self, py: Python<'_>, path: Option<&str>) -> PyResult<Py<Part>> {
        let part = find_compiled(&self.shared.opened()?, path).map_err(failed)?;
        let path = part.entry().path.as_str();
        self.find(py, path).ok_or_else(|| PyKeyError::new_err(path.to_owned()))
    }

    /// How many bytes were decrypted.
    #[getter]
    fn _done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    fn __getitem__(&self, py: Python<'_>, path: &str) -> PyResult<Py<Part>> {
        self.shared.opened()?;
        self.find(py, path).ok_or_else(|| PyKeyError::new_err(path.to_owned()))
    }

    fn __contains__(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.shared.opened()?;
        Ok(path.extract::<&str>().is_ok_and(|path| self.find(py, path).is_some()))
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Py<PyIterator>> {
        Ok(self.parts(py)?.bind(py).try_iter()?.unbind())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.parts(py)?.bind(py).len())
    }

    fn __enter__(slf: Py<Self>) -> PyResult<Py<Self>> {
        slf.get().shared.opened()?;
        Ok(slf)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        let state = if self.closed() { " closed" } else { "" };
        format!("<ovseal.Container{state}>")
    }
}

/// Warns about a container for passphrases and key files that was opened although no sender is named.
pub(crate) fn warn_if_unsigned(py: Python<'_>, claimed: &[KeyId], stacklevel: i32) -> PyResult<()> {
    let category = py.import("ovseal._errors")?.getattr("UnknownSenderWarning")?;
    let text = match claimed {
        [] => c"not signed: anyone for whom the container was ever sealed or rekeyed can have made it",
        _ => {
            c"signature not checked: anyone for whom the container was ever sealed or rekeyed can have made it; \
              name the publisher with publisher="
        }
    };
    PyErr::warn(py, &category, text, stacklevel)
}
