//! Memory of this library that Python, and the runtime through Python, read as buffers.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use ovseal::PartMapping;
use ovseal_memory::ModelMemory;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::owner_process::OwnerProcess;

/// The decrypted bytes of a part as a read-only buffer. They live until its last view is gone.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Memory {
    bytes: Arc<ModelMemory>,
    process: OwnerProcess,
}

/// The decrypted weights of a network, and everything else to which its topology points. They live
/// as long as this object.
///
/// If there is exactly one mapping, the object is also a read-only buffer of it.
#[pyclass(frozen, weakref, module = "ovseal._ovseal")]
pub(crate) struct Weights {
    mappings: Vec<PartMapping>,
    process: OwnerProcess,
}

/// A buffer of weights that claims to be writable, because ``openvino.Tensor`` accepts no other.
///
/// The runtime never writes to weights, and the pages may be read-only.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct WritableView(pub(crate) Py<Weights>);

impl Memory {
    pub(crate) fn new(bytes: Arc<ModelMemory>) -> Self {
        Self { bytes, process: OwnerProcess::current() }
    }
}

#[pymethods]
impl Memory {
    /// Exposes the bytes.
    ///
    /// # Safety
    ///
    /// `view` must be the pointer that the interpreter passes.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the interpreter's view is passed on.
        unsafe { expose(slf, view, flags) }
    }
}

/// Fills a view of the bytes, which keeps `memory` alive.
///
/// # Safety
///
/// `view` must be the pointer that the interpreter passed to `__getbuffer__`.
pub(crate) unsafe fn expose(
    memory: Bound<'_, Memory>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> PyResult<()> {
    let this = memory.get();
    this.process.check()?;
    let (start, length) = (this.bytes.as_ptr().cast_mut().cast(), this.bytes.len());
    // SAFETY: the view is the interpreter's. The memory has that length and lives as long as the
    // object.
    unsafe { fill(view, &memory, start, length, false, flags) }
}

/// Zeroes a Python buffer, and lets `fill` write all of its bytes.
///
/// # Errors
///
/// `BufferError` if the buffer is read-only or not contiguous; any error of `fill`.
///
/// # Safety
///
/// Nothing else may read or write the buffer before this returns.
pub(crate) unsafe fn fill_buffer(
    object: &Bound<'_, PyAny>,
    fill: impl FnOnce(&mut [u8]) -> PyResult<()>,
) -> PyResult<()> {
    let buffer = PyBuffer::<u8>::get(object)?;
    if buffer.readonly() || !buffer.is_c_contiguous() {
        return Err(PyBufferError::new_err("the buffer must be writable and contiguous"));
    }
    let (start, length) = (buffer.buf_ptr().cast::<u8>(), buffer.len_bytes());
    // SAFETY: the buffer has that many writable bytes, and is held until this returns.
    unsafe { start.write_bytes(0, length) };
    // SAFETY: the bytes are initialized now, and the caller guarantees that nothing else uses them.
    fill(unsafe { std::slice::from_raw_parts_mut(start, length) })
}

#[pymethods]
impl Weights {
    /// Exposes the bytes of the only mapping.
    ///
    /// # Safety
    ///
    /// `view` must be the pointer that the interpreter passes.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("weights are read-only"));
        }
        let (start, length) = slf.get().only()?;
        // SAFETY: the view is the interpreter's. The memory has that length and lives as long as
        // the object.
        unsafe { fill(view, &slf, start, length, false, flags) }
    }

    /// Return the pages to the kernel if they can be decrypted again on the next access.
    fn release(&self) -> PyResult<()> {
        self.process.check()?;
        self.mappings.iter().for_each(PartMapping::release_in_background);
        Ok(())
    }

    /// The number of bytes in memory.
    #[getter]
    fn resident_bytes(&self) -> PyResult<usize> {
        self.process.check()?;
        Ok(self.mappings.iter().map(PartMapping::resident_bytes).sum())
    }

    fn __len__(&self) -> usize {
        self.mappings.iter().map(|mapping| mapping.len()).sum()
    }
}

impl Weights {
    pub(crate) fn new(mappings: Vec<PartMapping>) -> Self {
        Self { mappings, process: OwnerProcess::current() }
    }

    /// Returns the address and length of the only mapping.
    fn only(&self) -> PyResult<(*mut c_void, usize)> {
        self.process.check()?;
        let [bytes] = &self.mappings[..] else {
            return Err(PyBufferError::new_err("the network has several files of weights, or none"));
        };
        Ok((bytes.as_ptr().cast_mut().cast(), bytes.len()))
    }
}

#[pymethods]
impl WritableView {
    /// Exposes the bytes of the only mapping.
    ///
    /// # Safety
    ///
    /// `view` must be the pointer that the interpreter passes.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let (start, length) = slf.get().0.get().only()?;
        // SAFETY: the view is the interpreter's. The memory has that length and lives as long as
        // the weights, which this object keeps alive. Only this package creates such objects, for
        // the runtime, which never writes to weights.
        unsafe { fill(view, &slf, start, length, true, flags) }
    }
}

/// Fills the interpreter's view.
///
/// # Safety
///
/// `view` must be the pointer that the interpreter passed to `__getbuffer__`. `start` must point to
/// `length` bytes that live as long as `owner`. If `is_writable`, the bytes must be writable, or no
/// user of the view may write to them.
unsafe fn fill<T>(
    view: *mut ffi::Py_buffer,
    owner: &Bound<'_, T>,
    start: *mut c_void,
    length: usize,
    is_writable: bool,
    flags: c_int,
) -> PyResult<()> {
    let length = isize::try_from(length).map_err(|_| PyBufferError::new_err("the buffer is too long"))?;
    // SAFETY: the caller guarantees view and memory, and the view takes a new reference to the
    // owner.
    let status = unsafe {
        ffi::PyBuffer_FillInfo(view, owner.as_ptr(), start, length, c_int::from(!is_writable), flags)
    };
    if status == 0 { Ok(()) } else { Err(PyErr::fetch(owner.py())) }
}
