//! What can be known of a container without a key.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::{Inspection, StanzaSummary};

use crate::error::{ovseal_error, run};
use crate::text::{Required, c_string, give, path, pointer};

/// The public face of a container; none of it is authenticated. Free it with `ovseal_inspection_free`.
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
            container_id: c_string(&inspection.container_id.to_string()),
            model_id: c_string(&inspection.model_id.to_string()),
            publishers: inspection.publishers.iter().map(|id| c_string(&id.to_string())).collect(),
            stanzas: types(&inspection.stanzas),
            side_stanzas: types(inspection.side_file.as_deref().unwrap_or_default()),
            inspection,
        }
    }
}

/// Looks at the container at `file`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_inspect(
    file: *const c_char,
    inspection: Option<&mut MaybeUninit<*mut ovseal_inspection>>,
) -> *mut ovseal_error {
    run(|| {
        let out = inspection.required("inspection")?;
        // SAFETY: the header demands a text.
        let inspection = Inspection::of(unsafe { path(file, "file") }?)?;
        give(out, ovseal_inspection::from(inspection));
        Ok(())
    })
}

/// The container's random name, 64 hexadecimal digits; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_container_id(inspection: Option<&ovseal_inspection>) -> *const c_char {
    pointer(inspection.map(|inspection| &inspection.container_id))
}

/// SHA-256 of the model's name, 64 hexadecimal digits; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_model_id(inspection: Option<&ovseal_inspection>) -> *const c_char {
    pointer(inspection.map(|inspection| &inspection.model_id))
}

/// Length of the file in bytes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_length(inspection: Option<&ovseal_inspection>) -> u64 {
    inspection.map_or(0, |inspection| inspection.inspection.length)
}

/// The security version; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_security_version(inspection: Option<&ovseal_inspection>) -> u64 {
    inspection.map_or(0, |inspection| inspection.inspection.security_version)
}

/// How often the stanzas were written: 1 after sealing; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_generation(inspection: Option<&ovseal_inspection>) -> u64 {
    inspection.map_or(0, |inspection| inspection.inspection.generation)
}

/// The type of the container's stanza with this number, from 0, such as `passphrase` or `x-wing`; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_stanza(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> *const c_char {
    pointer(inspection.and_then(|inspection| inspection.stanzas.get(number)))
}

/// Whether that stanza withstands a quantum computer: 1 yes, 0 no, -1 not known to this version, or beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_stanza_is_post_quantum(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> i32 {
    let stanza = inspection.and_then(|inspection| inspection.inspection.stanzas.get(number));
    stanza.and_then(|stanza| stanza.post_quantum).map_or(-1, i32::from)
}

/// The type of the side file's stanza with this number, from 0; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_side_stanza(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> *const c_char {
    pointer(inspection.and_then(|inspection| inspection.side_stanzas.get(number)))
}

/// The publisher with this number, from 0, of those that *claim* to have signed; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_publisher(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> *const c_char {
    pointer(inspection.and_then(|inspection| inspection.publishers.get(number)))
}

/// How many parts the container has; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_part_count(inspection: Option<&ovseal_inspection>) -> usize {
    inspection.map_or(0, |inspection| inspection.inspection.part_lengths.len())
}

/// Length in bytes of the part with this number, from 0; 0 beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_part_length(
    inspection: Option<&ovseal_inspection>,
    number: usize,
) -> u64 {
    let lengths = inspection.map(|inspection| &inspection.inspection.part_lengths);
    lengths.and_then(|lengths| lengths.get(number).copied()).unwrap_or(0)
}

/// Frees an inspection; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_inspection_free(inspection: Option<Box<ovseal_inspection>>) {
    drop(inspection);
}
