//! Compiled models that are kept, sealed, for the next start.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ovseal::Opened;
use ovseal_frontend::{Code, Failure, device_secret};
use ovseal_openvino::{
    CacheError, CacheSlot, Compilation, CompileCache, Dimension, ExportedModel, PartialShape, PluginFacts,
    RuntimeFacts,
};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::container::Container;
use crate::failure::failed;
use crate::home::Home;
use crate::memory::Weights;
use crate::work::{self, Meter};

/// The place of one compiled model in a folder of compiled models.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Cache {
    cache: CompileCache,
    opened: Opened,
    facts: RuntimeFacts,
    part: Option<String>,
    device: String,
    properties: Vec<(String, String)>,
    shapes: Vec<(String, PartialShape)>,
}

/// What the runtime says of a plugin: device, name, build and properties.
type Plugin = (String, String, String, Vec<(String, String)>);

#[pymethods]
impl Cache {
    /// Opens the folder.
    #[new]
    #[expect(clippy::too_many_arguments, reason = "all of it decides whether a compiled model fits")]
    fn new(
        folder: PathBuf,
        limit: Option<u64>,
        container: &Container,
        version: String,
        plugins: Vec<Plugin>,
        part: Option<String>,
        device: String,
        properties: Vec<(String, String)>,
        shapes: Vec<(String, Vec<i64>)>,
    ) -> PyResult<Self> {
        let cache =
            CompileCache::open(&folder, device_secret(&folder, None).map_err(failed)?).map_err(failed)?;
        let cache = match limit {
            Some(bytes) => cache.limit(bytes),
            None => cache,
        };
        let plugins = plugins.into_iter().map(|(device, name, build, properties)| PluginFacts {
            device,
            name,
            build,
            properties,
        });
        let facts = RuntimeFacts { version, plugins: plugins.collect() };
        let shapes = shapes.into_iter().map(|(name, extents)| {
            (name, PartialShape::Ranked(extents.into_iter().map(dimension).collect()))
        });
        let (opened, shapes) = (container.shared().opened()?, shapes.collect());
        Ok(Self { cache, opened, facts, part, device, properties, shapes })
    }

    /// The names of the properties that a plugin is asked for.
    #[staticmethod]
    fn properties() -> Vec<&'static str> {
        PluginFacts::PROPERTIES.to_vec()
    }

    /// The compiled model, if it is there and authentic.
    fn read(&self, py: Python<'_>) -> PyResult<Option<Weights>> {
        let read = work::run(py, &Meter::new(0, None), || self.with_slot(|slot| Ok(slot.read())))?;
        let read = read.map_err(failed)?;
        Ok(read.map(|bytes| Weights { mappings: vec![bytes], home: Home::here() }))
    }

    /// Removes the compiled model, because the runtime refused it.
    fn discard(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| {
            self.with_slot(|slot| {
                slot.discard();
                Ok(())
            })
        })
        .map_err(failed)
    }

    /// Keeps what the runtime has exported.
    fn write(&self, py: Python<'_>, exported: &Exported) -> PyResult<()> {
        let exported = exported.take()?;
        work::run(py, &Meter::new(0, None), || self.with_slot(|slot| slot.write(exported)))?.map_err(failed)
    }
}

impl Cache {
    fn with_slot<T>(
        &self,
        work: impl FnOnce(CacheSlot<'_>) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        let properties: Vec<(&str, &str)> =
            self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let shapes: Vec<(&str, PartialShape)> =
            self.shapes.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect();
        let compilation = Compilation {
            part: self.part.as_deref(),
            device: &self.device,
            properties: &properties,
            shapes: &shapes,
        };
        work(self.cache.slot_for(&self.facts, &self.opened, &compilation)?)
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

    /// Writes bytes, and gives their number.
    fn write(&self, bytes: PyBackedBytes) -> PyResult<usize> {
        self.with(|file| file.write_all(&bytes))?;
        Ok(bytes.len())
    }

    /// Goes to another place, as `io.IOBase.seek` does: devices go back to write sizes.
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
        // Without the lock: exceptions are made by Python's code.
        let memory = |error: io::Error| Failure { causes: vec![error.to_string()], ..too_little_memory() };
        done.ok_or_else(|| failed(ended()))?.map_err(|error| failed(memory(error)))
    }

    fn take(&self) -> PyResult<ExportedModel> {
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let file: OwnedFd = file.ok_or_else(|| failed(ended()))?.into();
        ExportedModel::take(&file).map_err(failed)
    }
}

/// What is negative is any extent, as for the runtime.
fn dimension(extent: i64) -> Dimension {
    usize::try_from(extent).map_or(Dimension::Dynamic { minimum: 0, maximum: None }, Dimension::Fixed)
}

fn ended() -> Failure {
    Failure::new(Code::Closed, "the export has ended")
}

fn too_little_memory() -> Failure {
    Failure::new(Code::Memory, "there is too little memory for the compiled model")
}
