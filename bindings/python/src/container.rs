//! An opened container.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ovseal::{KeyId, Opened};
use ovseal_openvino::find_compiled;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};

use crate::background::{self, Meter};
use crate::failure::failed;
use crate::keys::Keys;
use crate::part::{Part, Shared};
use crate::requirements::Requirements;
use crate::source::Source;

/// An opened container: its manifest is authentic, and its parts can be read.
///
/// It maps paths to parts, iterates over the parts, and closes itself as a context manager.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct Container {
    shared: Arc<Shared>,
    parts: Py<PyTuple>,
}

/// Open a container.
///
/// Without ``publisher``, only a container whose keys are all passphrases or key files opens.
/// Anyone for whom it was ever sealed or rekeyed could have made it, so this issues an
/// `UnknownSenderWarning`.
///
/// Args:
///     source: A path, a binary file object, or bytes.
///     key: A key or several; by default this device's own.
///     publisher: The publisher who must have signed: the path of a public key, or its bytes, or
///         several. A dictionary maps model names to the publishers trusted for that name only.
///         ``ovseal.ANY_SENDER`` accepts a container from anyone.
///     name: The model name to require. This argument and the next two need ``publisher``.
///     min_security_version: The lowest security version to accept.
///     rollback_state: The path of a state created by `create_rollback_state`. Versions below those
///         it records are rejected.
///     threads: The number of threads; by default one per processor, at most 16.
///     kdf_limit: The limit for key derivation from passphrases, in MiB of memory times passes; by
///         default 1024.
///     memory_budget: The most bytes of a network's weights to keep in memory while OpenVINO reads
///         them; by default as many as there is room for. The rest is decrypted again when it is
///         read again.
///
/// Returns:
///     The opened container. Close it, or use it as a context manager.
///
/// Raises:
///     Error: One of its subclasses.
///     TypeError: If an argument has the wrong type.
#[pyfunction]
#[pyo3(signature = (source, *, key = None, publisher = None, name = None, min_security_version = None, rollback_state = None, threads = None, kdf_limit = None, memory_budget = None, _stacklevel = 1))]
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
    memory_budget: Option<u64>,
    _stacklevel: i32,
) -> PyResult<Container> {
    let names_no_sender = publisher.is_none();
    let requirements = Requirements {
        publisher,
        name,
        min_security_version,
        rollback_state,
        threads,
        kdf_limit,
        memory_budget,
    };
    let (source, done) = (Source::from_object(source)?, Arc::<AtomicU64>::default());
    let counter = Arc::clone(&done);
    let options = requirements.options()?.progress(move |bytes| {
        counter.fetch_add(bytes, Ordering::Relaxed);
    });
    let keys = Keys::opening(py, key)?;
    let opened = background::run(py, &Meter::default(), || match source {
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
        let shared = Arc::new(Shared::new(opened, done));
        let parts = entries.into_iter().map(|entry| Py::new(py, Part::new(Arc::clone(&shared), entry)));
        let parts = parts.collect::<PyResult<Vec<_>>>()?;
        Ok(Self { shared, parts: PyTuple::new(py, parts)?.unbind() })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn find(&self, py: Python<'_>, path: &str) -> PyResult<Py<Part>> {
        let found = self.each(py).find(|part| part.get().path() == path);
        found.map(Bound::unbind).ok_or_else(|| PyKeyError::new_err(path.to_owned()))
    }

    fn each<'py>(&self, py: Python<'py>) -> impl Iterator<Item = Bound<'py, Part>> {
        self.parts.bind(py).iter().filter_map(|part| part.cast_into().ok())
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

    /// The container's random id, in hexadecimal.
    #[getter]
    fn container_id(&self) -> PyResult<String> {
        Ok(self.shared.opened()?.container_id().to_string())
    }

    /// The key id of the trusted publisher who signed; ``None`` if none was specified.
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

    /// Record the security version in the rollback state, if one was specified.
    fn accept(&self, py: Python<'_>) -> PyResult<()> {
        let opened = self.shared.opened()?;
        py.detach(|| opened.accept()).map_err(failed)
    }

    /// Forget the keys and the decrypted parts. Buffers that are still in use remain valid.
    fn close(&self, py: Python<'_>) {
        self.shared.close();
        self.each(py).for_each(|part| part.get().forget());
    }

    /// True if the container is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Return the compiled model at ``path``, or the only one.
    fn _compiled(&self, py: Python<'_>, path: Option<&str>) -> PyResult<Py<Part>> {
        let part = find_compiled(&self.shared.opened()?, path).map_err(failed)?;
        self.find(py, part.entry().path.as_str())
    }

    /// The number of bytes decrypted so far.
    #[getter]
    fn _done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    fn __getitem__(&self, py: Python<'_>, path: &str) -> PyResult<Py<Part>> {
        self.shared.opened()?;
        self.find(py, path)
    }

    fn __contains__(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.shared.opened()?;
        Ok(path.extract::<&str>().is_ok_and(|path| self.find(py, path).is_ok()))
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

/// Warns about a container opened with a passphrase or key file and without a publisher.
pub(crate) fn warn_if_unsigned(py: Python<'_>, claimed: &[KeyId], stacklevel: i32) -> PyResult<()> {
    let category = py.import("ovseal._errors")?.getattr("UnknownSenderWarning")?;
    let text = match claimed {
        [] => c"not signed: anyone for whom the container was ever sealed or rekeyed could have made it",
        _ => {
            c"signature not checked: anyone for whom the container was ever sealed or rekeyed could have made it; \
              name the publisher with publisher="
        }
    };
    PyErr::warn(py, &category, text, stacklevel)
}
