//! Structures that the library allocated.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::library::Functions;
use super::types::Plain;

/// A structure that the library gave. It is wiped, then given back to the library.
pub(super) struct Received<T: Plain> {
    pointer: NonNull<T>,
    functions: &'static Functions,
}

impl<T: Plain> Received<T> {
    /// Takes over what a function of the library wrote to an output argument; nothing if it wrote nothing.
    ///
    /// # Safety
    /// The pointer must be null or one that a function of the library has just given, to a structure of this type.
    pub(super) unsafe fn new(pointer: *mut T, functions: &'static Functions) -> Option<Self> {
        Some(Self { pointer: NonNull::new(pointer)?, functions })
    }

    pub(super) fn get(&self) -> &T {
        // SAFETY: the library gave a whole structure, any bits of which are a value, and nobody else has it.
        unsafe { self.pointer.as_ref() }
    }
}

impl<T: Plain> Drop for Received<T> {
    fn drop(&mut self) {
        let bytes = self.pointer.cast::<u8>();
        for offset in 0..size_of::<T>() {
            // SAFETY: the offset is within the structure.
            let byte = unsafe { bytes.add(offset) };
            // SAFETY: the byte belongs to the structure, which is ours.
            unsafe { byte.write_volatile(0) };
        }
        // SAFETY: the library allocated it, and it is given back once.
        unsafe { (self.functions.free)(self.pointer.as_ptr().cast::<c_void>()) };
    }
}
