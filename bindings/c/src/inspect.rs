//! The facts that a container shows without a key.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::{Inspection, StanzaSummary};

use crate::error::{create, ovseal_error};
use crate::text::{c_string, path, pointer};

/// The facts that a container shows without a key; none of them is authenticated. Free it with
/// `ovseal_inspection_free`.
pub struct ovseal_inspection {
    inspection: Inspection,
    container_id: CString,
    model_id: CString,
    publishers: Vec<CString>,
    stanzas: Vec<CString>,
    side_stanzas: Vec<CString>,
}

impl From<Inspection> for ovseal_inspection {
    fn from(inspection: Inspection) -> Self {
        let types = |stanzas: &[StanzaSummary]| {
            stanzas.iter().map(|stanza| c_string(stanza.stanza_type.as_str())).collect()
        };
        Self {
            container_id: c_string(inspection.container_id),
            model_id: c_string(inspection.model_id),
            publishers: inspection.publishers.iter().map(c_string).collect(),
            stanzas: types(&inspection.stanzas),
            side_stanzas: types(inspection.side_file.as_deref().unwrap_or_default()),
            inspection,
        }
    }
}

/// Inspects the container at `file`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_inspect(
    file: *const c_char,
    inspection: Option<&mut MaybeUninit<*mut ovseal_inspection>>,
) -> *mut ovseal_error {
    create(inspection, "inspection", || {
        // SAFETY: the header requires a path.
        Ok(Inspection::of(unsafe { path(file, "file") }?)?.into())
    })
}

/// Returns the container's random id, 64 hexadecimal digits; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_container_id(inspection: Option<&ovseal_inspection>) -> *const c_char {
    pointer(inspection.map(|inspection| &inspection.container_id))
}

/// Returns the SHA-256 of the model's name, 64 hexadecimal digits; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_model_id(inspection: Option<&ovseal_inspection>) -> *const c_char {
    pointer(inspection.map(|inspection| &inspection.model_id))
}

/// Returns the length of the file in bytes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_length(inspection: Option<&ovseal_inspection>) -> u64 {
    inspection.map_or(0, |inspection| inspection.inspection.length)
}

/// Returns the security version; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_security_version(inspection: Option<&ovseal_inspection>) -> u64 {
    inspection.map_or(0, |inspection| inspection.inspection.security_version)
}

/// Returns the generation: the number of times the stanzas have been written, 1 after sealing; 0
/// for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_generation(inspection: Option<&ovseal_inspection>) -> u64 {
    inspection.map_or(0, |inspection| inspection.inspection.generation)
}

/// Returns the type of stanza `number`, counted from 0, such as `passphrase` or `x-wing`; NULL past
/// the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_stanza(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> *const c_char {
    pointer(inspection.and_then(|inspection| inspection.stanzas.get(number)))
}

/// Returns 1 if stanza `number` resists quantum computers, 0 if not, and -1 if unknown or past the
/// last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_stanza_is_post_quantum(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> i32 {
    let stanza = inspection.and_then(|inspection| inspection.inspection.stanzas.get(number));
    stanza.and_then(|stanza| stanza.post_quantum).map_or(-1, i32::from)
}

/// Returns the type of stanza `number` of the side file, counted from 0; NULL past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_side_stanza(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> *const c_char {
    pointer(inspection.and_then(|inspection| inspection.side_stanzas.get(number)))
}

/// Returns the id of publisher `number` among those that *claim* to have signed; NULL past the
/// last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_publisher(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> *const c_char {
    pointer(inspection.and_then(|inspection| inspection.publishers.get(number)))
}

/// Returns the number of parts; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_part_count(inspection: Option<&ovseal_inspection>) -> usize {
    inspection.map_or(0, |inspection| inspection.inspection.part_lengths.len())
}

/// Returns the length of part `number` in bytes; 0 past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_part_length(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> u64 {
    let lengths = inspection.map(|inspection| &inspection.inspection.part_lengths);
    lengths.and_then(|lengths| lengths.get(number).copied()).unwrap_or(0)
}

/// Frees an inspection.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_free(inspection: Option<Box<ovseal_inspection>>) {
    drop(inspection);
}
