//! Strings, bytes, arrays and results, between C and Rust.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{ptr, slice};

use ovseal_frontend::{Code, Failure};

/// A pointer that must not be NULL.
pub(crate) trait Required<T> {
    /// Returns the value of the argument `name`, or an error if it is NULL.
    fn required(self, name: &str) -> Result<T, Failure>;
}

impl<T> Required<T> for Option<T> {
    fn required(self, name: &str) -> Result<T, Failure> {
        self.ok_or_else(|| bad_argument(format!("{name} is NULL")))
    }
}

/// Returns a failure that is the caller's mistake.
pub(crate) fn bad_argument(message: impl Into<String>) -> Failure {
    Failure::new(Code::BadArgument, message)
}

/// Hands an object to the caller, who frees it.
pub(crate) fn give<T>(out: &mut MaybeUninit<*mut T>, object: T) {
    out.write(Box::into_raw(Box::new(object)));
}

/// Returns a string from the caller.
///
/// # Safety
/// `text` is NULL, or ends with a zero byte and stays unchanged for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str, Failure> {
    // SAFETY: the caller guarantees what this call requires.
    let text = unsafe { c_text(text) }.required(name)?;
    text.to_str().map_err(|_| bad_argument(format!("{name} is not UTF-8")))
}

/// Returns a string from the caller, or `None` for NULL.
///
/// # Safety
/// The same as for [`text`].
pub(crate) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>, Failure> {
    // SAFETY: the caller guarantees what this call requires.
    if pointer.is_null() { Ok(None) } else { unsafe { text(pointer, name) }.map(Some) }
}

/// Returns a path from the caller, which need not be UTF-8.
///
/// # Safety
/// The same as for [`text`].
pub(crate) unsafe fn path<'a>(path: *const c_char, name: &str) -> Result<&'a Path, Failure> {
    // SAFETY: the caller guarantees what this call requires.
    unsafe { optional_path(path) }.required(name)
}

/// Returns a path from the caller, or `None` for NULL.
///
/// # Safety
/// The same as for [`text`].
pub(crate) unsafe fn optional_path<'a>(pointer: *const c_char) -> Option<&'a Path> {
    // SAFETY: the caller guarantees what this call requires.
    let path = unsafe { c_text(pointer) }?;
    Some(Path::new(OsStr::from_bytes(path.to_bytes())))
}

unsafe fn c_text<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: it is not NULL, and the caller guarantees the rest.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// Returns consecutive items from the caller; NULL is allowed if there are none.
///
/// # Safety
/// `items` is NULL, or points to `count` items that stay unchanged for `'a`.
pub(crate) unsafe fn items<'a, T>(items: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    match items.is_null() {
        true if count == 0 => Ok(&[]),
        true => Err(bad_argument(format!("{name} is NULL"))),
        // No object is larger than `isize::MAX` bytes.
        false if count > isize::MAX.unsigned_abs() / size_of::<T>().max(1) => {
            Err(bad_argument(format!("{name} is too long")))
        }
        // SAFETY: it is not NULL, not too long, and the caller guarantees the items.
        false => Ok(unsafe { slice::from_raw_parts(items, count) }),
    }
}

/// Returns the items of an array in the caller's options. There may be at most [`LIST_LIMIT`].
///
/// # Safety
/// The same as for [`items`].
pub(crate) unsafe fn list<'a, T>(list: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    if count > LIST_LIMIT {
        return Err(bad_argument(format!("{name} has more than {LIST_LIMIT} items")));
    }
    // SAFETY: the caller guarantees what this call requires.
    unsafe { items(list, count, name) }
}

/// Returns the objects in an array of pointers, none of which may be NULL.
///
/// # Safety
/// The same as for [`items`], and each pointer is NULL or valid for `'a`.
pub(crate) unsafe fn objects<'a, T>(
    pointers: *const *const T,
    count: usize,
    name: &str,
) -> Result<Vec<&'a T>, Failure> {
    // SAFETY: the caller guarantees the array.
    let pointers = unsafe { list(pointers, count, name) }?;
    // SAFETY: the caller guarantees each pointer.
    let objects = pointers.iter().map(|pointer| unsafe { pointer.as_ref() });
    objects.enumerate().map(|(number, object)| object.required(&format!("{name}[{number}]"))).collect()
}

/// Returns a buffer from the caller; NULL is allowed if it is empty. The buffer may be
/// uninitialized: only write to it.
///
/// # Safety
/// `bytes` is NULL, or points to `length` bytes that nothing else uses for `'a`.
pub(crate) unsafe fn buffer<'a>(bytes: *mut u8, length: usize, name: &str) -> Result<&'a mut [u8], Failure> {
    match bytes.is_null() {
        true if length == 0 => Ok(&mut []),
        true => Err(bad_argument(format!("{name} is NULL"))),
        false if length > isize::MAX.unsigned_abs() => Err(bad_argument(format!("{name} is too long"))),
        // SAFETY: it is not NULL, not too long, and the caller guarantees the bytes.
        false => Ok(unsafe { slice::from_raw_parts_mut(bytes, length) }),
    }
}

/// Returns a string for C. A zero byte, which would end it, is replaced.
pub(crate) fn c_string(text: impl ToString) -> CString {
    CString::new(text.to_string().replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// Returns the pointer to a string, or NULL.
pub(crate) fn pointer(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

/// Limit on the items of an array, higher than any option needs: a container holds at most 32
/// stanzas and 8 publishers.
const LIST_LIMIT: usize = 65_536;
