//! Texts, bytes and places of results, between C and Rust.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use ovseal_frontend::Failure;

use crate::error::{bad_argument, ovseal_error, run};

/// What a pointer stands for, or the error that it is NULL.
pub(crate) trait Required<T> {
    /// The value behind the argument `name`.
    fn required(self, name: &str) -> Result<T, Failure>;
}

impl<T> Required<T> for Option<T> {
    fn required(self, name: &str) -> Result<T, Failure> {
        self.ok_or_else(|| bad_argument(format!("{name} is NULL")))
    }
}

/// Changes settings of the caller.
pub(crate) fn change<T>(
    options: Option<&mut T>,
    change: impl FnOnce(&mut T) -> Result<(), Failure>,
) -> *mut ovseal_error {
    run(|| change(options.required("options")?))
}

/// Hands an object to the caller, who frees it.
pub(crate) fn give<T>(out: &mut MaybeUninit<*mut T>, object: T) {
    out.write(Box::into_raw(Box::new(object)));
}

/// A text of the caller.
///
/// # Safety
/// `text` is NULL, or ends with a zero byte and stays as it is for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str, Failure> {
    // SAFETY: the caller vouches for it.
    let text = unsafe { c_text(text) }.required(name)?;
    text.to_str().map_err(|_| bad_argument(format!("{name} is no UTF-8")))
}

/// A text of the caller, if there is one.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>, Failure> {
    // SAFETY: the caller vouches for it.
    if pointer.is_null() { Ok(None) } else { unsafe { text(pointer, name) }.map(Some) }
}

/// A path of the caller, which need not be UTF-8.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn path<'a>(path: *const c_char, name: &str) -> Result<&'a Path, Failure> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { c_text(path) }.required(name)?;
    Ok(Path::new(OsStr::from_bytes(path.to_bytes())))
}

/// A path of the caller, if there is one.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn optional_path<'a>(pointer: *const c_char) -> Option<&'a Path> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { c_text(pointer) }?;
    Some(Path::new(OsStr::from_bytes(path.to_bytes())))
}

unsafe fn c_text<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller vouches for what is not NULL.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// Items of the caller, one after the other; NULL only if there is none.
///
/// # Safety
/// `items` is NULL, or points at `count` items that stay as they are for `'a`.
pub(crate) unsafe fn items<'a, T>(items: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    match items.is_null() {
        true if count == 0 => Ok(&[]),
        true => Err(bad_argument(format!("{name} is NULL"))),
        // No object is larger than `isize::MAX` bytes.
        false if count > isize::MAX.unsigned_abs() / size_of::<T>().max(1) => {
            Err(bad_argument(format!("{name} is too long")))
        }
        // SAFETY: it is not NULL, not too long, and the caller vouches for the items.
        false => Ok(unsafe { std::slice::from_raw_parts(items, count) }),
    }
}

/// A buffer of the caller, whatever is in it; NULL only if it is empty.
///
/// # Safety
/// `bytes` is NULL, or points at `length` bytes that nobody else uses for `'a`. They are only written.
pub(crate) unsafe fn buffer<'a>(bytes: *mut u8, length: usize, name: &str) -> Result<&'a mut [u8], Failure> {
    match bytes.is_null() {
        true if length == 0 => Ok(&mut []),
        true => Err(bad_argument(format!("{name} is NULL"))),
        false if length > isize::MAX.unsigned_abs() => Err(bad_argument(format!("{name} is too long"))),
        // SAFETY: it is not NULL, not too long, and the caller vouches for the bytes.
        false => Ok(unsafe { std::slice::from_raw_parts_mut(bytes, length) }),
    }
}

/// A text for C. What C would take for its end is replaced.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// The pointer to a text, or NULL.
pub(crate) fn pointer(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}
