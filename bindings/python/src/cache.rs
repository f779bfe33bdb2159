//! Compiled models that are kept, sealed, from one start to the next.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ovseal_frontend::{Code, Failure, device_secret};
use ovseal_openvino::{
    CacheSlot, Compilation, CompileCache, Dimension, ExportedModel, PartialShape, PluginFacts, RuntimeFacts,
};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::container::Container;
use crate::failure::failed;
use crate::home::Home;
use crate::memory::Weights;
use crate::work::{self, Meter};

/// The place of one compiled model in a cache.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Cache(CacheSlot);

/// The device, name, build and properties of a plugin.
type Plugin = (String, String, String, Vec<(String, String)>);

/// The facts about a runtime and its plugins.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Runtime {
    version: String,
    plugins: Vec<Plugin>,
}

/// The settings of a compilation.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    part: Option<String>,
    device: String,
    properties: Vec<(String, String)>,
    shapes: Vec<(String, Vec<i64>)>,
}

#[pymethods]
impl Cache {
    /// Opens the directory, and finds the place of a compiled model there.
    #[new]
    fn new(
        py: Python<'_>,
        folder: PathBuf,
        limit: Option<u64>,
        container: &Container,
        runtime: Runtime,
        settings: Settings,
    ) -> PyResult<Self> {
        let secret = device_secret(&folder, None).map_err(failed)?;
        let cache = CompileCache::open(&folder, secret).map_err(failed)?;
        let cache = match limit {
            Some(bytes) => cache.limit(bytes),
            None => cache,
        };
        let (opened, facts, compilation) = (container.shared().opened()?, runtime.into(), settings.into());
        let slot = py.detach(|| cache.slot_for(&facts, &opened, &compilation));
        Ok(Self(slot.map_err(failed)?))
    }

    /// Returns the names of the properties that identify a device.
    #[staticmethod]
    fn properties() -> Vec<&'static str> {
        PluginFacts::PROPERTIES.to_vec()
    }

    /// Decrypts the compiled model, if it is present and authentic.
    fn read(&self, py: Python<'_>) -> PyResult<Option<Weights>> {
        let read = work::run(py, &Meter::new(0, None), || self.0.read())?;
        Ok(read.map(|bytes| Weights { mappings: vec![bytes], home: Home::here() }))
    }

    /// Removes the compiled model, because the runtime rejected it.
    fn discard(&self, py: Python<'_>) {
        py.detach(|| self.0.discard());
    }

    /// Stores a model that the runtime has exported.
    fn write(&self, py: Python<'_>, exported: &Exported) -> PyResult<()> {
        let exported = exported.take()?;
        work::run(py, &Meter::new(0, None), || self.0.write(exported))?.map_err(failed)
    }
}

impl From<Runtime> for RuntimeFacts {
    fn from(Runtime { version, plugins }: Runtime) -> Self {
        let plugins = plugins.into_iter().map(|(device, name, build, properties)| PluginFacts {
            device,
            name,
            build,
            properties,
        });
        Self { version, plugins: plugins.collect() }
    }
}

impl From<Settings> for Compilation {
    fn from(Settings { part, device, properties, shapes }: Settings) -> Self {
        let shapes = shapes.into_iter().map(|(name, extents)| {
            (name, PartialShape::Ranked(extents.into_iter().map(dimension).collect()))
        });
        Self { part, device, properties, shapes: shapes.collect() }
    }
}

/// A file in memory to which the runtime exports a compiled model.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Exported(Mutex<Option<File>>);

#[pymethods]
impl Exported {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self(Mutex::new(Some(ExportedModel::file().map_err(failed)?.into()))))
    }

    /// Writes bytes and returns their number.
    fn write(&self, bytes: PyBackedBytes) -> PyResult<usize> {
        self.with(|file| file.write_all(&bytes))?;
        Ok(bytes.len())
    }

    /// Moves to another position, as `io.IOBase.seek` does: devices go back to write sizes.
    fn seek(&self, offset: i64, whence: u8) -> PyResult<u64> {
        let place = match whence {
            0 => SeekFrom::Start(offset.try_into()?),
            1 => SeekFrom::Current(offset),
            _ => SeekFrom::End(offset),
        };
        self.with(|file| file.seek(place))
    }
}

impl Exported {
    fn with<T>(&self, work: impl FnOnce(&mut File) -> io::Result<T>) -> PyResult<T> {
        let done = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(work);
        // After unlocking: Python code creates the exception.
        let memory = |error: io::Error| Failure { causes: vec![error.to_string()], ..too_little_memory() };
        done.ok_or_else(|| failed(ended()))?.map_err(|error| failed(memory(error)))
    }

    fn take(&self) -> PyResult<ExportedModel> {
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let file: OwnedFd = file.ok_or_else(|| failed(ended()))?.into();
        ExportedModel::take(&file).map_err(failed)
    }
}

/// Converts an extent. A negative one is dynamic, as for the runtime.
fn dimension(extent: i64) -> Dimension {
    usize::try_from(extent).map_or(Dimension::Dynamic { minimum: 0, maximum: None }, Dimension::Fixed)
}

fn ended() -> Failure {
    Failure::new(Code::Closed, "the export has ended")
}

fn too_little_memory() -> Failure {
    Failure::new(Code::Memory, "there is too little memory for the compiled model")
}
