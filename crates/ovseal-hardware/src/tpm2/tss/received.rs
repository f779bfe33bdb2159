//! Structures allocated by the library.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::library::Functions;
use super::types::Plain;

/// A structure allocated by the library, wiped and freed on drop.
pub(super) struct Received<T: Plain> {
    pointer: NonNull<T>,
    functions: &'static Functions,
}

impl<T: Plain> Received<T> {
    /// Takes ownership of a library function's output. `None` if the pointer is null.
    ///
    /// # Safety
    /// The pointer must be null, or a library function must have just returned it for a structure
    /// of this type.
    pub(super) unsafe fn new(pointer: *mut T, functions: &'static Functions) -> Option<Self> {
        Some(Self { pointer: NonNull::new(pointer)?, functions })
    }

    pub(super) fn get(&self) -> &T {
        // SAFETY: the library returned a whole structure, for which any bits are a valid value, and
        // nothing else refers to it.
        unsafe { self.pointer.as_ref() }
    }
}

impl<T: Plain> Drop for Received<T> {
    fn drop(&mut self) {
        let bytes = self.pointer.cast::<u8>();
        for offset in 0..size_of::<T>() {
            // SAFETY: the offset is within the structure.
            let byte = unsafe { bytes.add(offset) };
            // SAFETY: the byte belongs to the structure, which this value owns.
            unsafe { byte.write_volatile(0) };
        }
        // SAFETY: the library allocated it, and it is freed once.
        unsafe { (self.functions.free)(self.pointer.as_ptr().cast::<c_void>()) };
    }
}
