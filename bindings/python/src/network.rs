//! A network of an opened container on its way into the runtime.

use std::sync::{Arc, Mutex, PoisonError};

use ovseal::{OpenError, Opened, PartMapping, UnverifiedMapping};
use ovseal_frontend::{Code, Failure};
use ovseal_openvino::{Decrypted, Opening};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::container::Container;
use crate::failure::{failed, raise};
use crate::home::Home;
use crate::memory::{Lent, Weights};
use crate::work::{self, Meter};

/// A network in memory: the topology decrypted, the weights decrypted or on the way.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Network {
    opened: Opened,
    decrypted: Mutex<Option<Decrypted>>,
    owner: Py<Weights>,
    home: Home,
}

#[pymethods]
impl Network {
    /// Decrypts the network at `part`, or the only one; when the opening is overlapped for the device, its weights go on by themselves.
    #[new]
    #[pyo3(signature = (container, part, device, opening, progress = None))]
    fn new(
        py: Python<'_>,
        container: &Container,
        part: Option<&str>,
        device: &str,
        opening: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let (shared, opening) = (container.shared(), parse(opening)?);
        let opened = shared.opened()?;
        let total = Decrypted::length(&opened, part).map_err(failed)?;
        let meter = Meter::on(Arc::clone(&shared.done), total, progress);
        let decrypted = work::run(py, &meter, || Decrypted::read(&opened, part, device, opening))?;
        let decrypted = decrypted.map_err(failed)?;
        let mappings = decrypted.hazmat_weights().iter().map(UnverifiedMapping::hazmat_owner).collect();
        let owner = Py::new(py, Weights { mappings, home: Home::here() })?;
        Ok(Self { opened, decrypted: Mutex::new(Some(decrypted)), owner, home: Home::here() })
    }

    /// How many bytes `part`, or the only network, has with its weights.
    #[staticmethod]
    fn length(container: &Container, part: Option<&str>) -> PyResult<u64> {
        Decrypted::length(&container.shared().opened()?, part).map_err(failed)
    }

    /// What the runtime's parser reads; see `owner`.
    fn topology<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(|decrypted| PyBytes::new(py, decrypted.topology()))
    }

    /// Whether the topology points at the weights, which the runtime gets no other way.
    #[getter]
    fn is_copied(&self) -> PyResult<bool> {
        self.with(Decrypted::is_copied)
    }

    /// Whether there are weights beside the topology.
    #[getter]
    fn has_weights(&self) -> PyResult<bool> {
        self.with(|decrypted| {
            decrypted.hazmat_weights().iter().any(|weights| !weights.hazmat_unverified().is_empty())
        })
    }

    /// What must live as long as the runtime's model and all that is made of it.
    #[getter]
    fn owner(&self, py: Python<'_>) -> PyResult<Py<Weights>> {
        self.home.check()?;
        Ok(self.owner.clone_ref(py))
    }

    /// The weights as the runtime takes them.
    fn lend(&self, py: Python<'_>) -> PyResult<Lent> {
        self.home.check()?;
        Ok(Lent(self.owner.clone_ref(py)))
    }

    /// Zeroizes the topology and waits until every chunk of the weights was found authentic.
    ///
    /// Pages of weights that the runtime has copied are given back.
    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        self.home.check()?;
        let taken = self.decrypted.lock().unwrap_or_else(PoisonError::into_inner).take();
        let decrypted =
            taken.ok_or_else(|| raise(Failure::new(Code::Closed, "the network was read already")))?;
        let is_copied = decrypted.is_copied();
        let verified = work::run(py, &Meter::new(0, None), || verified(decrypted))?.map_err(failed)?;
        if is_copied {
            verified.iter().for_each(|weights| {
                weights.release();
            });
        }
        Ok(())
    }

    /// Records the container's security version in the rollback state, if there is one.
    fn accept(&self, py: Python<'_>) -> PyResult<()> {
        self.home.check()?;
        py.detach(|| self.opened.accept()).map_err(failed)
    }
}

impl Network {
    fn with<T>(&self, look: impl FnOnce(&Decrypted) -> T) -> PyResult<T> {
        self.home.check()?;
        let seen = self.decrypted.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look);
        // Without the lock: the exception is made by Python's code.
        seen.ok_or_else(|| raise(Failure::new(Code::Closed, "the network was read already")))
    }
}

fn verified(decrypted: Decrypted) -> Result<Vec<PartMapping>, OpenError> {
    decrypted.into_weights().into_iter().map(UnverifiedMapping::verify).collect()
}

fn parse(opening: &str) -> PyResult<Opening> {
    match opening {
        "auto" => Ok(Opening::Auto),
        "eager" => Ok(Opening::Eager),
        "overlapped" => Ok(Opening::Overlapped),
        _ => Err(raise(Failure::new(Code::Usage, "opening is \"auto\", \"eager\" or \"overlapped\""))),
    }
}
