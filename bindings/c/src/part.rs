//! A part of an opened container.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::Part;

use crate::error::{ovseal_error, run};
use crate::mapping::ovseal_mapping;
use crate::text::{Required, buffer, c_string, give, pointer};

/// A part of an opened container. Free it with `ovseal_part_free`. It may outlive the opened container.
///
/// Nothing is handed out before it was found authentic.
pub struct ovseal_part {
    part: Part,
    path: CString,
    kind: CString,
}

impl ovseal_part {
    pub(crate) fn new(part: Part) -> Self {
        let entry = part.entry();
        let (path, kind) = (c_string(entry.path.as_str()), c_string(entry.kind.word()));
        Self { part, path, kind }
    }
}

/// Its path in the container; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_path(part: Option<&ovseal_part>) -> *const c_char {
    pointer(part.map(|part| &part.path))
}

/// What it is to the model: `ir`, `onnx`, `paddle`, `compiled`, `weights`, `file`, or the word of a later version's kind; NULL for NULL.
///
/// Kinds that this version does not know are `other`.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_kind(part: Option<&ovseal_part>) -> *const c_char {
    pointer(part.map(|part| &part.kind))
}

/// Its length in bytes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_length(part: Option<&ovseal_part>) -> u64 {
    part.map_or(0, |part| part.part.length())
}

/// How many parts this topology needs beside itself; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_companion_count(part: Option<&ovseal_part>) -> usize {
    part.map_or(0, |part| part.part.entry().companions.len())
}

/// The number in the container of the companion with this number, from 0; `SIZE_MAX` beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_companion(part: Option<&ovseal_part>, number: usize) -> usize {
    let companion = part.and_then(|part| part.part.entry().companions.get(number).copied());
    companion.unwrap_or(usize::MAX)
}

/// Decrypts the whole part into a buffer of the caller, which must have its length. It is zeroed after a failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_part_read(
    part: Option<&ovseal_part>,
    bytes: *mut u8,
    length: usize,
) -> *mut ovseal_error {
    run(|| {
        let part = part.required("part")?;
        // SAFETY: the header demands so many bytes.
        part.part.read_into(unsafe { buffer(bytes, length, "bytes") }?)?;
        Ok(())
    })
}

/// Decrypts the bytes from `offset` on into a buffer of the caller; only the chunks that it touches are read. The buffer is zeroed
/// after a failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_part_read_range(
    part: Option<&ovseal_part>,
    offset: u64,
    bytes: *mut u8,
    length: usize,
) -> *mut ovseal_error {
    run(|| {
        let part = part.required("part")?;
        // SAFETY: the header demands so many bytes.
        part.part.read_range(offset, unsafe { buffer(bytes, length, "bytes") }?)?;
        Ok(())
    })
}

/// Decrypts the whole part into read-only memory that the library owns: left out of core dumps and of forked children, locked where
/// the limits allow it, zeroized when it is freed. All of it was found authentic when this returns.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_map(
    part: Option<&ovseal_part>,
    mapping: Option<&mut MaybeUninit<*mut ovseal_mapping>>,
) -> *mut ovseal_error {
    run(|| {
        let (part, out) = (part.required("part")?, mapping.required("mapping")?);
        give(out, ovseal_mapping::new(part.part.map()?));
        Ok(())
    })
}

/// Frees a part; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_free(part: Option<Box<ovseal_part>>) {
    drop(part);
}
