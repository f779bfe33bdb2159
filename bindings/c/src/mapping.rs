//! Decrypted bytes that the library owns.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use ovseal::{PartMapping, Populated};

use crate::error::{ovseal_error, run, run_or};
use crate::text::{Required, give};

/// Decrypted bytes in read-only memory. Free it with `ovseal_mapping_free`; the memory is zeroized when the last hold on it is freed.
///
/// In a forked child the memory does not exist: a touch ends the child. Freeing there does nothing.
pub struct ovseal_mapping(pub(crate) Arc<PartMapping>);

/// Keeps all bytes of a mapping in memory, for system calls too. Free it with `ovseal_populated_free`.
pub struct ovseal_populated {
    // Dropped first: what borrows before what is borrowed.
    _populated: Populated<'static>,
    _mapping: Arc<PartMapping>,
}

impl ovseal_mapping {
    pub(crate) fn new(mapping: PartMapping) -> Self {
        Self(Arc::new(mapping))
    }
}

/// The bytes; NULL for NULL. They must not be written.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_data(mapping: Option<&ovseal_mapping>) -> *const u8 {
    mapping.map_or(ptr::null(), |mapping| {
        let bytes: &[u8] = &mapping.0;
        bytes.as_ptr()
    })
}

/// How many bytes there are; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_length(mapping: Option<&ovseal_mapping>) -> usize {
    mapping.map_or(0, |mapping| mapping.0.len())
}

/// Whether the memory can never be swapped to a disk.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_is_locked(mapping: Option<&ovseal_mapping>) -> bool {
    mapping.is_some_and(|mapping| mapping.0.is_locked())
}

/// Bytes of the pages that are in memory now; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_resident_bytes(mapping: Option<&ovseal_mapping>) -> usize {
    run_or(0, || mapping.map_or(0, |mapping| mapping.0.resident_bytes()))
}

/// Gives the pages back to the kernel. Who touches one again waits until it is decrypted anew; if the file was changed meanwhile,
/// that ends the process with one line and exit code 3. Says whether it was done: not where the host gives no `userfaultfd`.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_release(mapping: Option<&ovseal_mapping>) -> bool {
    run_or(false, || mapping.is_some_and(|mapping| mapping.0.release()))
}

/// Does what `ovseal_mapping_release` does without letting the caller wait.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_release_in_background(mapping: Option<&ovseal_mapping>) {
    run_or((), || {
        if let Some(mapping) = mapping {
            mapping.0.release_in_background();
        }
    });
}

/// Brings in what was released and keeps it until the result is freed: a system call on bytes that are not there fails with EFAULT.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_populate(
    mapping: Option<&ovseal_mapping>,
    populated: Option<&mut MaybeUninit<*mut ovseal_populated>>,
) -> *mut ovseal_error {
    run(|| {
        let (mapping, out) = (mapping.required("mapping")?, populated.required("populated")?);
        let owner = mapping.0.clone();
        // SAFETY: the `Arc` that is kept beside it keeps the value alive and at its place, and is dropped after it.
        let borrowed: &'static PartMapping = unsafe { &*Arc::as_ptr(&owner) };
        give(out, ovseal_populated { _populated: borrowed.populate()?, _mapping: owner });
        Ok(())
    })
}

/// Lets the pages go again; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_populated_free(populated: Option<Box<ovseal_populated>>) {
    run_or((), || drop(populated));
}

/// Makes another hold on the same memory.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_share(
    mapping: Option<&ovseal_mapping>,
    other: Option<&mut MaybeUninit<*mut ovseal_mapping>>,
) -> *mut ovseal_error {
    run(|| {
        let (mapping, out) = (mapping.required("mapping")?, other.required("other")?);
        give(out, ovseal_mapping(mapping.0.clone()));
        Ok(())
    })
}

/// Frees a hold on the memory; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_mapping_free(mapping: Option<Box<ovseal_mapping>>) {
    run_or((), || drop(mapping));
}
