//! Strings returned by the C interface.

use std::ffi::{CStr, c_char};

/// Copies a string that the runtime keeps. Returns an empty one for a null pointer.
///
/// # Safety
///
/// `text` is null, or points to a string with a terminating zero byte.
pub(crate) unsafe fn copy(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by this function's contract `text` is a string with a terminating zero byte.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Copies a string that the runtime allocated for the caller, and frees it. Returns `None` for a
/// null pointer.
///
/// # Safety
///
/// `text` is null, or points to a string with a terminating zero byte. The runtime allocated it to
/// be freed with `ov_free`, and it is not used again.
pub(crate) unsafe fn take(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by this function's contract `text` is a string with a terminating zero byte.
    let copy = unsafe { copy(text) };
    // SAFETY: the runtime allocated the string, and it is not used after this line.
    unsafe { openvino_sys::ov_free(text) };
    Some(copy)
}
