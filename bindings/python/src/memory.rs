//! Memory of this library that Python reads, and the runtime too, through the buffer protocol.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use ovseal::PartMapping;
use ovseal_memory::ModelMemory;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::home::Home;

/// The decrypted bytes of a part as a read-only buffer; the last view of them keeps them.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Memory {
    pub(crate) bytes: Arc<ModelMemory>,
    pub(crate) home: Home,
}

/// The decrypted weights of a network, and whatever else it points at. They live as long as this object.
///
/// As a buffer, which is read-only, it has the bytes of the only weights.
#[pyclass(frozen, weakref, module = "ovseal._ovseal")]
pub(crate) struct Weights {
    pub(crate) mappings: Vec<PartMapping>,
    pub(crate) home: Home,
}

/// Weights for the runtime's eyes: a buffer that says that it can be written, since `openvino.Tensor` takes nothing else. The runtime
/// never writes to weights, and the pages may be read-only.
#[pyclass(frozen, module = "ovseal._ovseal")]
pub(crate) struct Lent(pub(crate) Py<Weights>);

#[pymethods]
impl Memory {
    /// Lends the bytes.
    ///
    /// # Safety
    ///
    /// `view` is the interpreter's.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the interpreter's view is passed on.
        unsafe { lend(slf, view, flags) }
    }
}

/// Fills a view of the bytes, which keeps `memory`.
///
/// # Safety
///
/// `view` is one that the interpreter wants to be filled.
pub(crate) unsafe fn lend(
    memory: Bound<'_, Memory>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> PyResult<()> {
    let this = memory.get();
    this.home.check()?;
    let (start, length) = (this.bytes.as_ptr().cast_mut().cast(), this.bytes.len());
    // SAFETY: the interpreter's view, and memory of that length which lives as long as the object.
    unsafe { fill(view, &memory, start, length, false, flags) }
}

/// Lets `fill` write all bytes of a buffer of Python's, which it finds zeroed.
///
/// # Errors
///
/// `BufferError` for a buffer that is not one run of bytes that may be written; that of `fill`.
///
/// # Safety
///
/// Nobody else may read or write the buffer before this returns.
pub(crate) unsafe fn fill_buffer(
    object: &Bound<'_, PyAny>,
    fill: impl FnOnce(&mut [u8]) -> PyResult<()>,
) -> PyResult<()> {
    let buffer = PyBuffer::<u8>::get(object)?;
    if buffer.readonly() || !buffer.is_c_contiguous() {
        return Err(PyBufferError::new_err("the buffer is not one run of bytes that may be written"));
    }
    let (start, length) = (buffer.buf_ptr().cast::<u8>(), buffer.len_bytes());
    // SAFETY: the buffer has so many bytes that may be written, and is held until this returns.
    unsafe { start.write_bytes(0, length) };
    // SAFETY: they are initialized now, and the caller vouches that nobody else uses them.
    fill(unsafe { std::slice::from_raw_parts_mut(start, length) })
}

#[pymethods]
impl Weights {
    /// Lends the bytes of the only weights.
    ///
    /// # Safety
    ///
    /// `view` is the interpreter's.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("weights are read-only"));
        }
        let (start, length) = slf.get().only()?;
        // SAFETY: the interpreter's view, and memory of that length which lives as long as the object.
        unsafe { fill(view, &slf, start, length, false, flags) }
    }

    /// Gives the pages back to the kernel, when they can come again by decryption.
    fn release(&self) -> PyResult<()> {
        self.home.check()?;
        self.mappings.iter().for_each(PartMapping::release_in_background);
        Ok(())
    }

    /// How many bytes are in memory.
    #[getter]
    fn resident_bytes(&self) -> PyResult<usize> {
        self.home.check()?;
        Ok(self.mappings.iter().map(PartMapping::resident_bytes).sum())
    }

    fn __len__(&self) -> usize {
        self.mappings.iter().map(|mapping| mapping.len()).sum()
    }
}

impl Weights {
    /// Address and length of the only weights.
    fn only(&self) -> PyResult<(*mut c_void, usize)> {
        self.home.check()?;
        let [bytes] = &self.mappings[..] else {
            return Err(PyBufferError::new_err("there are several weights, or none"));
        };
        Ok((bytes.as_ptr().cast_mut().cast(), bytes.len()))
    }
}

#[pymethods]
impl Lent {
    /// Lends the bytes of the only weights.
    ///
    /// # Safety
    ///
    /// `view` is the interpreter's.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let (start, length) = slf.get().0.get().only()?;
        // SAFETY: the interpreter's view, and memory of that length which lives as long as the weights, and they as long as this object. Only
        // code of this package gets one, for the runtime, which takes weights as constant.
        unsafe { fill(view, &slf, start, length, true, flags) }
    }
}

/// Fills the interpreter's view.
///
/// # Safety
///
/// `view` is one that the interpreter wants to be filled; at `start` are `length` bytes as long as `owner` lives, which may be written
/// if `is_writable`.
unsafe fn fill<T>(
    view: *mut ffi::Py_buffer,
    owner: &Bound<'_, T>,
    start: *mut c_void,
    length: usize,
    is_writable: bool,
    flags: c_int,
) -> PyResult<()> {
    let length = isize::try_from(length).map_err(|_| PyBufferError::new_err("too long"))?;
    // SAFETY: the caller vouches for view and memory; the interpreter takes a new reference to the owner.
    let status = unsafe {
        ffi::PyBuffer_FillInfo(view, owner.as_ptr(), start, length, c_int::from(!is_writable), flags)
    };
    if status == 0 { Ok(()) } else { Err(PyErr::fetch(owner.py())) }
}
