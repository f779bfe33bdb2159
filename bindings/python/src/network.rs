//! A network of an opened container, while it is loaded into the runtime.

use std::sync::{Arc, Mutex};

use ovseal::{OpenError, Opened, PartMapping, UnverifiedMapping};
use ovseal_openvino::{Decrypted, Opening};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::background::{self, Meter};
use crate::container::Container;
use crate::failure::{closed, failed, usage};
use crate::lock;
use crate::memory::{Weights, WritableView};
use crate::owner_process::OwnerProcess;

/// A network in memory: its topology, and weights that may still be being decrypted.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Network {
    opened: Opened,
    decrypted: Mutex<Option<Decrypted>>,
    owner: Py<Weights>,
    process: OwnerProcess,
}

#[pymethods]
impl Network {
    /// Decrypt the network at `part`, or the only one. If the opening is overlapped for the device,
    /// the weights are decrypted in the background.
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
        let decrypted = background::run(py, &meter, || Decrypted::read(&opened, part, device, opening))?;
        let decrypted = decrypted.map_err(failed)?;
        let mappings = decrypted.hazmat_weights().iter().map(UnverifiedMapping::hazmat_owner).collect();
        let owner = Py::new(py, Weights::new(mappings))?;
        let process = OwnerProcess::current();
        Ok(Self { opened, decrypted: Mutex::new(Some(decrypted)), owner, process })
    }

    /// Return the length in bytes of the network at `part`, or of the only one, including its
    /// weights.
    #[staticmethod]
    fn length(container: &Container, part: Option<&str>) -> PyResult<u64> {
        Decrypted::length(&container.shared().opened()?, part).map_err(failed)
    }

    /// Return the topology, for the runtime's parser.
    fn topology<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(|decrypted| PyBytes::new(py, decrypted.topology()))
    }

    /// True if the topology points to the weights. In that case, the runtime copies them.
    #[getter]
    fn is_copied(&self) -> PyResult<bool> {
        self.with(Decrypted::is_copied)
    }

    /// True if there are weights besides the topology.
    #[getter]
    fn has_weights(&self) -> PyResult<bool> {
        self.with(|decrypted| {
            decrypted.hazmat_weights().iter().any(|weights| !weights.hazmat_unverified().is_empty())
        })
    }

    /// The object that must outlive the runtime's model and everything created from it.
    #[getter]
    fn owner(&self, py: Python<'_>) -> PyResult<Py<Weights>> {
        self.process.check()?;
        Ok(self.owner.clone_ref(py))
    }

    /// Return the weights as a buffer that the runtime accepts.
    fn writable_view(&self, py: Python<'_>) -> PyResult<WritableView> {
        self.process.check()?;
        Ok(WritableView(self.owner.clone_ref(py)))
    }

    /// Zeroize the topology, and wait until every chunk of the weights has been verified.
    ///
    /// Then release the pages of weights that the runtime has copied.
    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        self.process.check()?;
        let taken = lock(&self.decrypted).take();
        let decrypted = taken.ok_or_else(already_read)?;
        let is_copied = decrypted.is_copied();
        let verified = background::run(py, &Meter::default(), || verified(decrypted))?.map_err(failed)?;
        if is_copied {
            verified.iter().for_each(|weights| {
                weights.release();
            });
        }
        Ok(())
    }

    /// Record the security version in the rollback state, if one was named.
    fn accept(&self, py: Python<'_>) -> PyResult<()> {
        self.process.check()?;
        py.detach(|| self.opened.accept()).map_err(failed)
    }
}

impl Network {
    fn with<T>(&self, look: impl FnOnce(&Decrypted) -> T) -> PyResult<T> {
        self.process.check()?;
        let seen = lock(&self.decrypted).as_ref().map(look);
        // The lock is released, because Python code creates the exception.
        seen.ok_or_else(already_read)
    }
}

fn already_read() -> PyErr {
    closed("the network has already been read")
}

fn verified(decrypted: Decrypted) -> Result<Vec<PartMapping>, OpenError> {
    decrypted.into_weights().into_iter().map(UnverifiedMapping::verify).collect()
}

fn parse(opening: &str) -> PyResult<Opening> {
    match opening {
        "auto" => Ok(Opening::Auto),
        "eager" => Ok(Opening::Eager),
        "overlapped" => Ok(Opening::Overlapped),
        _ => Err(usage("opening must be \"auto\", \"eager\" or \"overlapped\"")),
    }
}
