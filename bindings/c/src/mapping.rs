//! Decrypted bytes in memory that the library owns.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use ovseal::{PartMapping, Populated};

use crate::error::{create, ovseal_error, run_or};
use crate::text::Required;

/// A handle to decrypted bytes in read-only memory. Free it with `ovseal_mapping_free`.
///
/// The memory is zeroized when its last handle is freed. A forked child does not have the memory,
/// and crashes if it accesses the bytes. Freeing the handle there does nothing.
pub struct ovseal_mapping(pub(crate) Arc<PartMapping>);

/// Keeps all bytes of a mapping in memory, so that system calls can use them. Free it with
/// `ovseal_populated_free`.
pub struct ovseal_populated {
    // The borrower is dropped before its owner.
    _populated: Populated<'static>,
    _mapping: Arc<PartMapping>,
}

impl ovseal_mapping {
    pub(crate) fn new(mapping: PartMapping) -> Self {
        Self(Arc::new(mapping))
    }
}

/// Returns the bytes; NULL for NULL. Writing to them crashes the process.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_data(mapping: Option<&ovseal_mapping>) -> *const u8 {
    mapping.map_or(ptr::null(), |mapping| {
        let bytes: &[u8] = &mapping.0;
        bytes.as_ptr()
    })
}

/// Returns the number of bytes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_length(mapping: Option<&ovseal_mapping>) -> usize {
    mapping.map_or(0, |mapping| mapping.0.len())
}

/// Returns whether the memory is locked, and so never swapped to disk.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_is_locked(mapping: Option<&ovseal_mapping>) -> bool {
    mapping.is_some_and(|mapping| mapping.0.is_locked())
}

/// Returns the size in bytes of the pages that are in memory now; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_resident_bytes(mapping: Option<&ovseal_mapping>) -> usize {
    run_or(0, || mapping.map_or(0, |mapping| mapping.0.resident_bytes()))
}

/// Returns the pages to the kernel. This requires `userfaultfd`; returns false if the host does not
/// offer it.
///
/// A page that is accessed later is decrypted again. If the file has changed by then, the process
/// ends with one line on stderr and exit code 3.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_release(mapping: Option<&ovseal_mapping>) -> bool {
    run_or(false, || mapping.is_some_and(|mapping| mapping.0.release()))
}

/// Does the same as `ovseal_mapping_release`, on another thread.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_release_in_background(mapping: Option<&ovseal_mapping>) {
    run_or((), || {
        if let Some(mapping) = mapping {
            mapping.0.release_in_background();
        }
    });
}

/// Decrypts all released pages and keeps them in memory until the result is freed.
///
/// A system call on bytes of a released page fails with EFAULT.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_populate(
    mapping: Option<&ovseal_mapping>,
    populated: Option<&mut MaybeUninit<*mut ovseal_populated>>,
) -> *mut ovseal_error {
    create(populated, "populated", || {
        let owner = mapping.required("mapping")?.0.clone();
        // SAFETY: the `Arc` kept in the same object keeps the value alive and in place, and is
        // dropped later.
        let borrowed: &'static PartMapping = unsafe { &*Arc::as_ptr(&owner) };
        Ok(ovseal_populated { _populated: borrowed.populate()?, _mapping: owner })
    })
}

/// Stops keeping the pages in memory.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_populated_free(populated: Option<Box<ovseal_populated>>) {
    run_or((), || drop(populated));
}

/// Creates another handle to the same memory.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_share(
    mapping: Option<&ovseal_mapping>,
    other: Option<&mut MaybeUninit<*mut ovseal_mapping>>,
) -> *mut ovseal_error {
    create(other, "other", || Ok(ovseal_mapping(mapping.required("mapping")?.0.clone())))
}

/// Frees a handle to the memory.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_free(mapping: Option<Box<ovseal_mapping>>) {
    run_or((), || drop(mapping));
}
