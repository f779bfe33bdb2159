//! Text across the C interface.

use std::ffi::{CStr, CString, c_char};

use crate::error::ModelError;

/// Makes a C string of the text which is called `what` in the error about a zero byte.
pub(crate) fn named(what: &'static str, text: impl Into<Vec<u8>>) -> Result<CString, ModelError> {
    CString::new(text).map_err(|_| ModelError::ZeroByte { what })
}

/// Copies a string that stays the runtime's. A null pointer gives an empty one.
///
/// # Safety
///
/// `text` is null, or a string ending in a zero byte.
pub(crate) unsafe fn copy(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by this function's contract `text` is a valid string with a final zero byte.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Copies a string that the runtime allocated and frees it. A null pointer gives `None`.
///
/// # Safety
///
/// `text` is null, or a string ending in a zero byte that the runtime gave away to be freed with `ov_free`, once.
pub(crate) unsafe fn take(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by this function's contract `text` is a valid string with a final zero byte.
    let copy = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    // SAFETY: the string was allocated by the runtime and is not used after this line.
    unsafe { openvino_sys::ov_free(text) };
    Some(copy)
}
