//! A part of an opened container.

use std::ffi::c_int;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use ovseal::{OpenError, Opened, PartEntry};
use ovseal_memory::ModelMemory;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::background::{self, Meter};
use crate::failure::{closed, failed};
use crate::lock;
use crate::memory::{self, Memory};
use crate::owner_process::OwnerProcess;

/// State shared by a container and its parts.
pub(crate) struct Shared {
    opened: Mutex<Option<Opened>>,
    /// The number of bytes decrypted so far.
    pub(crate) done: Arc<AtomicU64>,
    process: OwnerProcess,
}

impl Shared {
    pub(crate) fn new(opened: Opened, done: Arc<AtomicU64>) -> Self {
        Self { opened: Mutex::new(Some(opened)), done, process: OwnerProcess::current() }
    }

    /// Returns the open container. Fails after `close`, and in a process that did not open it.
    pub(crate) fn opened(&self) -> PyResult<Opened> {
        self.process.check()?;
        let opened = lock(&self.opened).clone();
        opened.ok_or_else(|| closed("the container is closed"))
    }

    pub(crate) fn close(&self) {
        lock(&self.opened).take();
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.opened).is_none()
    }
}

/// A part of an opened container, and a read-only buffer of its decrypted bytes.
///
/// The first buffer decrypts the whole part; later ones share the same memory.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct Part {
    shared: Arc<Shared>,
    entry: PartEntry,
    bytes: Mutex<Option<Arc<ModelMemory>>>,
}

impl Part {
    pub(crate) fn new(shared: Arc<Shared>, entry: PartEntry) -> Self {
        Self { shared, entry, bytes: Mutex::default() }
    }

    pub(crate) fn forget(&self) {
        lock(&self.bytes).take();
    }

    /// Returns the decrypted bytes. No lock is held while decrypting, so two threads may both
    /// decrypt; one result is kept.
    fn memory(&self, py: Python<'_>) -> PyResult<Memory> {
        let opened = self.shared.opened()?;
        if let Some(bytes) = self.kept() {
            return Ok(Memory::new(bytes));
        }
        let part = opened.part(self.path()).map_err(failed)?;
        let meter = Meter::on(Arc::clone(&self.shared.done), part.length(), None);
        let memory = background::run(py, &meter, || part.read())?.map_err(failed)?;
        let bytes = Arc::clone(lock(&self.bytes).get_or_insert(Arc::new(memory)));
        // Nothing is kept if the container was closed in the meantime. The lock is released,
        // because Python code creates the exception.
        self.shared.opened().inspect_err(|_| self.forget())?;
        Ok(Memory::new(bytes))
    }

    /// Returns the bytes if an earlier buffer decrypted them.
    fn kept(&self) -> Option<Arc<ModelMemory>> {
        lock(&self.bytes).clone()
    }
}

#[pymethods]
impl Part {
    /// Its path in the container.
    #[getter]
    pub(crate) fn path(&self) -> &str {
        self.entry.path.as_str()
    }

    /// One of ``ir``, ``onnx``, ``paddle``, ``compiled``, ``weights``, ``file``, ``other``.
    #[getter]
    fn kind(&self) -> &'static str {
        self.entry.kind.word()
    }

    /// Its length in bytes.
    #[getter]
    fn length(&self) -> u64 {
        self.entry.length
    }

    /// The paths of the parts that this topology refers to.
    #[getter]
    fn companions(&self) -> PyResult<Vec<String>> {
        let opened = self.shared.opened()?;
        let parts = &opened.manifest().parts;
        Ok(self.entry.companions.iter().map(|&number| parts[number].path.as_str().to_owned()).collect())
    }

    /// Decrypt ``length`` bytes starting at ``offset``; by default all of them.
    ///
    /// Only the chunks that contain these bytes are read.
    ///
    /// Raises:
    ///     UsageError: If the range goes beyond the end of the part.
    #[pyo3(signature = (offset = 0, length = None))]
    fn read<'py>(&self, py: Python<'py>, offset: u64, length: Option<u64>) -> PyResult<Bound<'py, PyBytes>> {
        let part = self.shared.opened()?.part(self.path()).map_err(failed)?;
        let length = length.unwrap_or(part.length().saturating_sub(offset));
        // Reject this before allocating any memory.
        if offset.checked_add(length).is_none_or(|end| end > part.length()) {
            let (part, end) = (part.entry().path.clone(), offset.saturating_add(length));
            return Err(failed(OpenError::OutOfRange { part, offset, end }));
        }
        PyBytes::new_with(py, usize::try_from(length)?, |bytes| {
            py.detach(|| part.read_range(offset, bytes)).map_err(failed)
        })
    }

    /// Decrypt the part into a new ``openvino.Tensor``, in memory that OpenVINO owns.
    ///
    /// Everything that OpenVINO creates from the tensor keeps that memory alive. OpenVINO neither
    /// locks nor zeroizes it. For models, use `read_model`, `compile_model` or `import_model`.
    fn tensor<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let part = self.shared.opened()?.part(self.path()).map_err(failed)?;
        let openvino = py.import("openvino")?;
        let u8 = openvino.getattr("Type")?.getattr("u8")?;
        let tensor = openvino.getattr("Tensor")?.call1((u8, [part.length()]))?;
        if part.length() == 0 {
            return Ok(tensor);
        }
        let kept = self.kept();
        let meter = Meter::on(Arc::clone(&self.shared.done), part.length(), None);
        let fill = |bytes: &mut [u8]| {
            let read = background::run(py, &meter, || match kept {
                Some(kept) => {
                    bytes.copy_from_slice(&kept);
                    Ok(())
                }
                None => part.read_into(bytes),
            });
            read?.map_err(failed)
        };
        // SAFETY: the tensor was created here, and nothing else refers to it yet.
        unsafe { memory::fill_buffer(&tensor.getattr("data")?, fill) }?;
        Ok(tensor)
    }

    /// Exposes the decrypted bytes.
    ///
    /// # Safety
    ///
    /// `view` must be the pointer that the interpreter passes.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("a part is read-only"));
        }
        let memory = Bound::new(slf.py(), slf.get().memory(slf.py())?)?;
        // SAFETY: the interpreter's view is passed on.
        unsafe { memory::expose(memory, view, flags) }
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.entry.length)?)
    }

    fn __repr__(&self) -> String {
        format!("<ovseal.Part {:?}: {}, {} bytes>", self.path(), self.kind(), self.length())
    }
}
