//! A part of an opened container.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::Part;

use crate::error::{create, ovseal_error, run};
use crate::mapping::ovseal_mapping;
use crate::text::{Required, buffer, c_string, pointer};

/// A part of an opened container: one file of the model. Free it with `ovseal_part_free`.
///
/// It can outlive the opened container. No plaintext is returned before it has been authenticated.
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

/// Returns the part's path in the container; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_path(part: Option<&ovseal_part>) -> *const c_char {
    pointer(part.map(|part| &part.path))
}

/// Returns the part's kind; NULL for NULL.
///
/// It is `ir`, `onnx`, `paddle`, `compiled`, `weights`, `file`, or `other` for a kind that this
/// version does not know.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_kind(part: Option<&ovseal_part>) -> *const c_char {
    pointer(part.map(|part| &part.kind))
}

/// Returns the part's length in bytes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_length(part: Option<&ovseal_part>) -> u64 {
    part.map_or(0, |part| part.part.length())
}

/// Returns the number of companions: parts that this topology needs; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_companion_count(part: Option<&ovseal_part>) -> usize {
    part.map_or(0, |part| part.part.entry().companions.len())
}

/// Returns the part number of companion `number`, both counted from 0; `SIZE_MAX` past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_companion(part: Option<&ovseal_part>, number: usize) -> usize {
    let companion = part.and_then(|part| part.part.entry().companions.get(number).copied());
    companion.unwrap_or(usize::MAX)
}

/// Decrypts the whole part into a buffer of exactly its length. On failure, the buffer is zeroed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_part_read(
    part: Option<&ovseal_part>,
    bytes: *mut u8,
    length: usize,
) -> *mut ovseal_error {
    run(|| {
        // SAFETY: the header requires that many bytes.
        part.required("part")?.part.read_into(unsafe { buffer(bytes, length, "bytes") }?)?;
        Ok(())
    })
}

/// Decrypts `length` bytes at `offset` into a buffer, reading only the chunks that contain them.
///
/// On failure, the buffer is zeroed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_part_read_range(
    part: Option<&ovseal_part>,
    offset: u64,
    bytes: *mut u8,
    length: usize,
) -> *mut ovseal_error {
    run(|| {
        // SAFETY: the header requires that many bytes.
        part.required("part")?.part.read_range(offset, unsafe { buffer(bytes, length, "bytes") }?)?;
        Ok(())
    })
}

/// Decrypts and authenticates the whole part, into read-only memory that the library owns.
///
/// The memory is excluded from core dumps and forked children, locked if the limits allow, and
/// zeroized when it is freed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_map(
    part: Option<&ovseal_part>,
    mapping: Option<&mut MaybeUninit<*mut ovseal_mapping>>,
) -> *mut ovseal_error {
    create(mapping, "mapping", || Ok(ovseal_mapping::new(part.required("part")?.part.map()?)))
}

/// Frees a part.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_part_free(part: Option<Box<ovseal_part>>) {
    drop(part);
}
