//! The caller's structs, which begin with their size, so that later versions can add members.

use std::mem::MaybeUninit;
use std::{ptr, slice};

use ovseal_frontend::Failure;

use crate::text::{Required, bad_argument};

/// A struct that begins with its size and may grow at its end.
///
/// Members that the caller's version did not have are zero, which is their default.
///
/// # Safety
/// The type is `repr(C)` and its first member is the size, a `usize`. It has no padding, because
/// older callers leave padding unset. All bits zero are a valid value.
pub(crate) unsafe trait Versioned: Copy {
    /// The size in the first version that had the struct. A smaller size is a mistake, and would
    /// silently drop members that the caller has set.
    const FIRST: usize = size_of::<Self>();
}

/// Copies the members that the caller's version of the struct has.
///
/// # Errors
/// `BadArgument` for NULL, an implausible size, or a member that is set and unknown to this
/// version.
///
/// # Safety
/// `pointer` is NULL, or points to a size followed by the rest of as many bytes, all of them set.
pub(crate) unsafe fn read<T: Versioned>(pointer: *const T, name: &str) -> Result<T, Failure> {
    (!pointer.is_null()).then_some(()).required(name)?;
    // SAFETY: it is not NULL, and the size is the first member of every version.
    let size = unsafe { pointer.cast::<usize>().read() };
    if !(T::FIRST..=SIZE_LIMIT).contains(&size) || !size.is_multiple_of(WORD) {
        return Err(bad_argument(format!("{name}->size is {size}, which is not the size of the struct")));
    }
    let known = size.min(size_of::<T>());
    let bytes = pointer.cast::<u8>();
    // SAFETY: `known` is at most `size`, and the caller guarantees that many bytes.
    let rest = unsafe { bytes.add(known) };
    // SAFETY: as above; these are the bytes up to `size`.
    let unknown = unsafe { slice::from_raw_parts(rest, size - known) };
    if unknown.iter().any(|byte| *byte != 0) {
        let message = format!("{name} has members that this version of the library does not know");
        return Err(bad_argument(message).with_hint("install the library that belongs to the header"));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the caller guarantees `known` bytes at the source, and the value is at least as
    // long.
    unsafe { ptr::copy_nonoverlapping(bytes, value.as_mut_ptr().cast(), known) };
    // SAFETY: all bytes are set, and the trait says that zeros are valid where none was copied.
    Ok(unsafe { value.assume_init() })
}

/// Every member takes whole words or shares one, so a size that is not a multiple of a word would
/// cut a member.
const WORD: usize = size_of::<usize>();

/// Limit on sizes. No version of a struct is longer, so a larger size is uninitialized memory.
const SIZE_LIMIT: usize = 4096;
