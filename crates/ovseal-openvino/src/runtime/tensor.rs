//! Tensors.

use std::marker::PhantomData;
use std::ptr::NonNull;

use openvino_sys as ov;

use super::element_type::ElementType;
use super::error::TensorError;
use super::handle::Handle;
use super::library::Runtime;
use super::openvino_error::{Operation, check};
use super::shape::RawShape;

/// A tensor with its own memory, in C order.
pub struct Tensor {
    contents: Contents,
}

impl Tensor {
    /// Allocates a tensor of zeros.
    ///
    /// # Errors
    ///
    /// [`TensorError::Unsupported`] for strings and `dynamic`; [`TensorError::TooLarge`] if the
    /// tensor does not fit into the address space; [`TensorError::Runtime`] if there is not enough
    /// memory.
    pub fn new(runtime: &Runtime, element_type: ElementType, shape: &[usize]) -> Result<Self, TensorError> {
        // Proof that the library is loaded.
        let _ = runtime;
        check_size(element_type, shape)?;
        let raw_shape = RawShape::new(Operation::Tensor, shape)?;
        let handle = Handle::create(Operation::Tensor, |place| {
            // SAFETY: the shape is alive; `place` receives the result.
            unsafe { ov::ov_tensor_create(element_type.to_raw(), raw_shape.0, place) }
        })?;
        let contents = Contents::of(handle)?;
        // SAFETY: the runtime reported that the tensor has this much memory, not initialized yet.
        unsafe { contents.data.as_ptr().write_bytes(0, contents.length) };
        Ok(Self { contents })
    }

    /// Returns the extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.contents.shape
    }

    /// Returns the type of the elements.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.contents.element_type
    }

    /// Returns the elements in the machine's byte order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.contents.bytes()
    }

    /// Returns the elements in the machine's byte order, for writing.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let Contents { data, length, .. } = self.contents;
        // SAFETY: `new` initialized the memory, which belongs to the tensor, and `&mut self`
        // borrows it.
        unsafe { std::slice::from_raw_parts_mut(data.as_ptr(), length) }
    }

    pub(crate) fn as_ptr(&self) -> *const ov::ov_tensor_t {
        self.contents.handle.as_ptr()
    }
}

/// An output, in the memory of the request that computed it.
///
/// The request cannot infer again while its output is borrowed.
pub struct TensorView<'request> {
    contents: Contents,
    request: PhantomData<&'request ()>,
}

impl TensorView<'_> {
    /// Wraps a tensor whose memory belongs to a request borrowed for the view's lifetime.
    pub(crate) fn of(handle: Handle<ov::ov_tensor_t>) -> Result<Self, TensorError> {
        Ok(Self { contents: Contents::of(handle)?, request: PhantomData })
    }

    /// Returns the extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.contents.shape
    }

    /// Returns the type of the elements.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.contents.element_type
    }

    /// Returns the elements in the machine's byte order and in C order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.contents.bytes()
    }
}

struct Contents {
    handle: Handle<ov::ov_tensor_t>,
    element_type: ElementType,
    shape: Vec<usize>,
    data: NonNull<u8>,
    length: usize,
}

// SAFETY: `data` points to the memory of the tensor, which is not tied to a thread.
unsafe impl Send for Contents {}
// SAFETY: through a shared reference the memory is only read.
unsafe impl Sync for Contents {}

impl Contents {
    fn of(handle: Handle<ov::ov_tensor_t>) -> Result<Self, TensorError> {
        let element_type = element_type(&handle)?;
        let shape = shape(&handle)?;
        // Strings are C++ objects in memory.
        check_size(element_type, &shape)?;
        let length = length(&handle)?;
        let data = if length == 0 { NonNull::dangling() } else { data(&handle)? };
        Ok(Self { handle, element_type, shape, data, length })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the runtime reported `length` bytes at `data`. `Tensor::new` or the inference
        // initialized them. They live as long as the handle and are not written while borrowed.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.length) }
    }
}

/// Rejects strings and `dynamic`, and shapes whose size in bits overflows `isize`.
fn check_size(element_type: ElementType, shape: &[usize]) -> Result<(), TensorError> {
    if element_type.bits() == 0 {
        return Err(TensorError::Unsupported(element_type));
    }
    let bits = shape.iter().try_fold(element_type.bits(), |bits, extent| bits.checked_mul(*extent));
    let fits = bits.is_some_and(|bits| isize::try_from(bits).is_ok());
    if fits { Ok(()) } else { Err(TensorError::TooLarge) }
}

fn element_type(handle: &Handle<ov::ov_tensor_t>) -> Result<ElementType, TensorError> {
    // A number: a runtime newer than the bindings may return one that their enumeration lacks.
    let mut number: u32 = 0;
    let place = (&raw mut number).cast();
    // SAFETY: the tensor is alive; the enumeration has the layout of `u32`.
    check(Operation::Tensor, unsafe { ov::ov_tensor_get_element_type(handle.as_ptr(), place) })?;
    ElementType::from_raw(number).ok_or(TensorError::UnknownElementType { number })
}

fn shape(handle: &Handle<ov::ov_tensor_t>) -> Result<Vec<usize>, TensorError> {
    let shape = RawShape::create(Operation::Tensor, |place| {
        // SAFETY: the tensor is alive; `place` receives the result.
        let status = unsafe { ov::ov_tensor_get_shape(handle.as_ptr(), place) };
        // The C interface cannot create the shape of a scalar, and reports an invalid parameter.
        // Both parameters are valid, so the error can only mean that.
        if status == ov::ov_status_e::INVALID_C_PARAM { ov::ov_status_e::OK } else { status }
    })?;
    Ok(shape.read())
}

fn length(handle: &Handle<ov::ov_tensor_t>) -> Result<usize, TensorError> {
    let mut length = 0;
    // SAFETY: the tensor is alive; `length` receives the result.
    check(Operation::Tensor, unsafe { ov::ov_tensor_get_byte_size(handle.as_ptr(), &mut length) })?;
    Ok(length)
}

fn data(handle: &Handle<ov::ov_tensor_t>) -> Result<NonNull<u8>, TensorError> {
    let mut data = std::ptr::null_mut();
    // SAFETY: the tensor is alive; `data` receives the result.
    check(Operation::Tensor, unsafe { ov::ov_tensor_data(handle.as_ptr(), &mut data) })?;
    Ok(NonNull::new(data.cast()).unwrap_or(NonNull::dangling()))
}
