//! Owned objects of the C interface.

use std::ptr::NonNull;

use openvino_sys as ov;
use openvino_sys::ov_status_e;

use super::openvino_error::{OpenVinoError, Operation, check};

/// An owned object of the C interface.
pub(crate) struct Handle<T: Object> {
    pointer: NonNull<T>,
}

/// A type of object that the C interface creates and frees.
pub(crate) trait Object {
    /// Frees the object.
    ///
    /// # Safety
    ///
    /// The runtime created `pointer` as an object of this type, and it is not used again.
    unsafe fn free(pointer: *mut Self);
}

impl<T: Object> Handle<T> {
    /// Takes ownership of the object that `call` writes to its argument.
    pub(crate) fn create(
        operation: Operation,
        call: impl FnOnce(*mut *mut T) -> ov_status_e,
    ) -> Result<Self, OpenVinoError> {
        let mut pointer = std::ptr::null_mut();
        check(operation, call(&mut pointer))?;
        let Some(pointer) = NonNull::new(pointer) else {
            return Err(OpenVinoError::without_object(operation));
        };
        Ok(Self { pointer })
    }

    pub(crate) fn as_ptr(&self) -> *const T {
        self.pointer.as_ptr()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T: Object> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: `create` took the object from the runtime. A handle is not copied, and not used
        // after its drop.
        unsafe { T::free(self.pointer.as_ptr()) };
    }
}

macro_rules! objects {
    ($($object:ty => $free:path),* $(,)?) => {$(
        impl Object for $object {
            unsafe fn free(pointer: *mut Self) {
                // SAFETY: by the trait's contract the object is of this type and freed once.
                unsafe { $free(pointer) };
            }
        }
    )*};
}

objects! {
    ov::ov_core_t => ov::ov_core_free,
    ov::ov_model_t => ov::ov_model_free,
    ov::ov_compiled_model_t => ov::ov_compiled_model_free,
    ov::ov_infer_request_t => ov::ov_infer_request_free,
    ov::ov_tensor_t => ov::ov_tensor_free,
    ov::ov_output_const_port_t => ov::ov_output_const_port_free,
}

// SAFETY: OpenVINO's reference does not tie `ov::Core` to a thread, and recommends one per
// application. OpenVINO does not document that concurrent calls are safe; the tests read and
// compile on one core from several threads.
unsafe impl Send for Handle<ov::ov_core_t> {}
// SAFETY: as above.
unsafe impl Sync for Handle<ov::ov_core_t> {}

// SAFETY: `ov::Model` is a graph of reference-counted nodes, not tied to a thread. It is not
// `Sync`: reading it may validate and cache lazily.
unsafe impl Send for Handle<ov::ov_model_t> {}

// SAFETY: a compiled model cannot be changed by its users, and is not tied to a thread.
unsafe impl Send for Handle<ov::ov_compiled_model_t> {}
// SAFETY: this crate calls nothing that changes a compiled model (`set_property`); it only reads
// ports, creates requests and exports. OpenVINO does not document that this is safe; the tests
// create requests of one model from several threads.
unsafe impl Sync for Handle<ov::ov_compiled_model_t> {}

// SAFETY: a request is not tied to a thread. It is not `Sync`: concurrent calls fail with "request
// busy" or race.
unsafe impl Send for Handle<ov::ov_infer_request_t> {}

// SAFETY: a tensor is memory with a shape, not tied to a thread.
unsafe impl Send for Handle<ov::ov_tensor_t> {}
// SAFETY: this crate changes a tensor only through `&mut`.
unsafe impl Sync for Handle<ov::ov_tensor_t> {}
