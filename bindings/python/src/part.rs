//! A part of an opened container.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError};

use ovseal::{OpenError, PartEntry};
use ovseal_memory::ModelMemory;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::container::Shared;
use crate::failure::failed;
use crate::home::Home;
use crate::memory::{self, Memory};
use crate::work::{self, Meter};

/// One part of an opened container, which is also a read-only buffer of its decrypted bytes.
///
/// The first buffer decrypts all of it; further ones share the memory.
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
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The decrypted bytes. No lock is held meanwhile: two threads may decrypt, and one result is kept.
    fn memory(&self, py: Python<'_>) -> PyResult<Memory> {
        let opened = self.shared.opened()?;
        if let Some(bytes) = self.kept() {
            return Ok(Memory { bytes, home: Home::here() });
        }
        let part = opened.part(self.path()).map_err(failed)?;
        let meter = Meter::on(Arc::clone(&self.shared.done), part.length(), None);
        let memory = work::run(py, &meter, || part.read())?.map_err(failed)?;
        let made = Arc::new(memory);
        let bytes = Arc::clone(self.bytes.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(made));
        // When it was closed meanwhile, nothing is kept. Without the lock: the exception is made by Python's code.
        self.shared.opened().inspect_err(|_| self.forget())?;
        Ok(Memory { bytes, home: Home::here() })
    }

    /// The bytes, if a buffer was made of them before.
    fn kept(&self) -> Option<Arc<ModelMemory>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl Part {
    /// Its path in the container.
    #[getter]
    pub(crate) fn path(&self) -> &str {
        self.entry.path.as_str()
    }

    /// What it is to the model: `ir`, `onnx`, `paddle`, `compiled`, `weights`, `file` or `other`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.entry.kind.word()
    }

    /// Its length in bytes.
    #[getter]
    fn length(&self) -> u64 {
        self.entry.length
    }

    /// The paths of the parts that this topology needs.
    #[getter]
    fn companions(&self) -> PyResult<Vec<String>> {
        let opened = self.shared.opened()?;
        let parts = &opened.manifest().parts;
        Ok(self.entry.companions.iter().map(|&number| parts[number].path.as_str().to_owned()).collect())
    }

    /// Decrypts bytes from `offset` on, by default all; only the chunks that they touch are read.
    #[pyo3(signature = (offset = 0, length = None))]
    fn read<'py>(&self, py: Python<'py>, offset: u64, length: Option<u64>) -> PyResult<Bound<'py, PyBytes>> {
        let part = self.shared.opened()?.part(self.path()).map_err(failed)?;
        let length = length.unwrap_or(part.length().saturating_sub(offset));
        // What is not there is refused before memory is asked for.
        if offset.checked_add(length).is_none_or(|end| end > part.length()) {
            let (part, end) = (part.entry().path.clone(), offset.saturating_add(length));
            return Err(failed(OpenError::OutOfRange { part, offset, end }));
        }
        PyBytes::new_with(py, usize::try_from(length)?, |bytes| {
            py.detach(|| part.read_range(offset, bytes)).map_err(failed)
        })
    }

    /// The bytes as an `openvino.Tensor` in OpenVINO's own memory, into which they are decrypted.
    ///
    /// Whatever OpenVINO makes of the tensor keeps that memory. Each call makes a tensor of its own. OpenVINO neither locks nor zeroizes it:
    /// for a network use `ovseal.read_model` or `ovseal.compile_model`, for a compiled one `ovseal.import_model`.
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
            let read = work::run(py, &meter, || match kept {
                Some(kept) => {
                    bytes.copy_from_slice(&kept);
                    Ok(())
                }
                None => part.read_into(bytes),
            });
            read?.map_err(failed)
        };
        // SAFETY: the tensor was made here, and nobody else has it yet.
        unsafe { memory::fill_buffer(&tensor.getattr("data")?, fill) }?;
        Ok(tensor)
    }

    /// Lends the decrypted bytes.
    ///
    /// # Safety
    ///
    /// `view` is the interpreter's.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("a part is read-only"));
        }
        let memory = Bound::new(slf.py(), slf.get().memory(slf.py())?)?;
        // SAFETY: the interpreter's view is passed on.
        unsafe { memory::lend(memory, view, flags) }
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.entry.length)?)
    }

    fn __repr__(&self) -> String {
        format!("<ovseal.Part {:?}: {}, {} bytes>", self.path(), self.kind(), self.length())
    }
}
