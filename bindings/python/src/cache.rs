//! Compiled models, sealed and cached for the next start.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Mutex;

use ovseal_frontend::{Code, Failure, device_secret};
use ovseal_openvino::{
    CacheSlot, Compilation, CompileCache, Dimension, ExportedModel, PartialShape, PluginFacts, RuntimeFacts,
};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::background::{self, Meter};
use crate::container::Container;
use crate::failure::{closed, failed};
use crate::lock;
use crate::memory::Weights;

/// The slot of one compiled model in a cache directory.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Cache(CacheSlot);

/// A plugin as the runtime describes it: device, name, build and properties.
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
    /// Open the cache directory, and find the slot of a compiled model there.
    #[new]
    fn new(
        py: Python<'_>,
        directory: PathBuf,
        limit: Option<u64>,
        container: &Container,
        runtime: Runtime,
        settings: Settings,
    ) -> PyResult<Self> {
        let secret = device_secret(&directory, None).map_err(failed)?;
        let cache = CompileCache::open(&directory, secret).map_err(failed)?;
        let cache = match limit {
            Some(bytes) => cache.limit(bytes),
            None => cache,
        };
        let (opened, facts, compilation) = (container.shared().opened()?, runtime.into(), settings.into());
        let slot = py.detach(|| cache.slot_for(&facts, &opened, &compilation));
        Ok(Self(slot.map_err(failed)?))
    }

    /// Return the names of the properties that are part of a plugin's description.
    #[staticmethod]
    fn properties() -> Vec<&'static str> {
        PluginFacts::PROPERTIES.to_vec()
    }

    /// Return the compiled model, if there is an authentic one.
    fn read(&self, py: Python<'_>) -> PyResult<Option<Weights>> {
        let read = background::run(py, &Meter::default(), || self.0.read())?;
        Ok(read.map(|bytes| Weights::new(vec![bytes])))
    }

    /// Remove a compiled model that the runtime rejected.
    fn discard(&self, py: Python<'_>) {
        py.detach(|| self.0.discard());
    }

    /// Store a model that the runtime has exported.
    fn write(&self, py: Python<'_>, exported: &Exported) -> PyResult<()> {
        let exported = exported.take()?;
        background::run(py, &Meter::default(), || self.0.write(exported))?.map_err(failed)
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

    /// Write bytes, and return their number.
    fn write(&self, bytes: PyBackedBytes) -> PyResult<usize> {
        self.with(|file| file.write_all(&bytes))?;
        Ok(bytes.len())
    }

    /// Move to another position, as `io.IOBase.seek` does. Devices go back to write sizes.
    fn seek(&self, offset: i64, whence: u8) -> PyResult<u64> {
        let position = match whence {
            0 => SeekFrom::Start(offset.try_into()?),
            1 => SeekFrom::Current(offset),
            _ => SeekFrom::End(offset),
        };
        self.with(|file| file.seek(position))
    }
}

impl Exported {
    fn with<T>(&self, work: impl FnOnce(&mut File) -> io::Result<T>) -> PyResult<T> {
        let done = lock(&self.0).as_mut().map(work);
        // The lock is released, because Python code creates exceptions.
        done.ok_or_else(finished)?.map_err(|error| {
            failed(Failure::new(Code::Memory, "not enough memory for the compiled model").caused_by(error))
        })
    }

    fn take(&self) -> PyResult<ExportedModel> {
        let file = lock(&self.0).take();
        let file: OwnedFd = file.ok_or_else(finished)?.into();
        ExportedModel::take(&file).map_err(failed)
    }
}

/// Converts an extent. A negative extent is dynamic, as for the runtime.
fn dimension(extent: i64) -> Dimension {
    usize::try_from(extent).map_or(Dimension::Dynamic { minimum: 0, maximum: None }, Dimension::Fixed)
}

fn finished() -> PyErr {
    closed("the export is finished")
}
