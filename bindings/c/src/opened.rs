//! Opened containers.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::Opened;
use ovseal_openvino::find_compiled;

use crate::error::{create, ovseal_error, run, run_or};
use crate::part::ovseal_part;
use crate::text::{Required, c_string, optional_text, pointer, text};

/// An opened container. Free it with `ovseal_opened_free`; objects created from it stay valid.
pub struct ovseal_opened {
    pub(crate) opened: Opened,
    name: CString,
    container_id: CString,
    publisher: Option<CString>,
    claimed: Vec<CString>,
    hints: Vec<(CString, CString)>,
}

impl ovseal_opened {
    pub(crate) fn new(opened: Opened) -> Self {
        let manifest = opened.manifest();
        let hint = |(name, value): &(String, String)| (c_string(name), c_string(value));
        Self {
            name: c_string(manifest.name.as_str()),
            hints: manifest.hints.iter().map(hint).collect(),
            container_id: c_string(opened.container_id()),
            publisher: opened.publisher().map(c_string),
            claimed: opened.claimed_publishers().iter().map(c_string).collect(),
            opened,
        }
    }
}

/// Returns the model's name; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_name(opened: Option<&ovseal_opened>) -> *const c_char {
    pointer(opened.map(|opened| &opened.name))
}

/// Returns the model's security version; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_security_version(opened: Option<&ovseal_opened>) -> u64 {
    opened.map_or(0, |opened| opened.opened.manifest().security_version)
}

/// Returns the container's random id, 64 hexadecimal digits; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_container_id(opened: Option<&ovseal_opened>) -> *const c_char {
    pointer(opened.map(|opened| &opened.container_id))
}

/// Returns the id of the trusted publisher who signed; NULL if no publisher was specified.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_publisher(opened: Option<&ovseal_opened>) -> *const c_char {
    pointer(opened.and_then(|opened| opened.publisher.as_ref()))
}

/// Returns the id of publisher `number` of those that *claim* to have signed; NULL past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_claimed_publisher(
    opened: Option<&ovseal_opened>,
    number: usize,
) -> *const c_char {
    pointer(opened.and_then(|opened| opened.claimed.get(number)))
}

/// Returns the number, from 0, of the stanza that was unlocked; -1 if it is in the side file.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_stanza(opened: Option<&ovseal_opened>) -> i64 {
    let stanza = opened.and_then(|opened| opened.opened.stanza());
    stanza.and_then(|stanza| i64::try_from(stanza).ok()).unwrap_or(-1)
}

/// Returns the name of hint `number` from the writer, counted from 0; NULL past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_hint_name(opened: Option<&ovseal_opened>, number: usize) -> *const c_char {
    pointer(opened.and_then(|opened| opened.hints.get(number)).map(|(name, _)| name))
}

/// Returns the value of hint `number` from the writer, counted from 0; NULL past the last. Hints
/// have no effect.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_hint_value(opened: Option<&ovseal_opened>, number: usize) -> *const c_char {
    pointer(opened.and_then(|opened| opened.hints.get(number)).map(|(_, value)| value))
}

/// Returns the number of parts; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_part_count(opened: Option<&ovseal_opened>) -> usize {
    opened.map_or(0, |opened| opened.opened.manifest().parts.len())
}

/// Returns part `number`, counted from 0 in the order of the container.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_part_by_number(
    opened: Option<&ovseal_opened>,
    number: usize,
    part: Option<&mut MaybeUninit<*mut ovseal_part>>,
) -> *mut ovseal_error {
    create(part, "part", || {
        let opened = opened.required("opened")?;
        let part = opened.opened.parts().nth(number);
        let missing = || ovseal::OpenError::NoSuchPart(number.to_string());
        Ok(ovseal_part::new(part.ok_or_else(missing)?))
    })
}

/// Returns the part with this path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_opened_part(
    opened: Option<&ovseal_opened>,
    path: *const c_char,
    part: Option<&mut MaybeUninit<*mut ovseal_part>>,
) -> *mut ovseal_error {
    create(part, "part", || {
        let opened = opened.required("opened")?;
        // SAFETY: the header requires a string.
        let path = unsafe { text(path, "path") }?;
        Ok(ovseal_part::new(opened.opened.part(path)?))
    })
}

/// Returns the compiled model at `path`, or the container's only one if `path` is NULL.
///
/// A compiled model was exported by a device, and can be imported with the same device, machine and
/// runtime. Map it with `ovseal_part_map`. Keep the mapping as long as any object of the imported
/// model, because the runtime reads the bytes in place. `ovseal/openvino.hpp` does this for you.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_opened_compiled_part(
    opened: Option<&ovseal_opened>,
    path: *const c_char,
    part: Option<&mut MaybeUninit<*mut ovseal_part>>,
) -> *mut ovseal_error {
    create(part, "part", || {
        let opened = opened.required("opened")?;
        // SAFETY: the header requires a string or NULL.
        let path = unsafe { optional_text(path, "path") }?;
        Ok(ovseal_part::new(find_compiled(&opened.opened, path)?))
    })
}

/// Raises the rollback state, if there is one, to this container's security version.
///
/// Call this after the model has been loaded. A version that turns out to be damaged must not lock
/// out one that works.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_accept(opened: Option<&ovseal_opened>) -> *mut ovseal_error {
    run(|| Ok(opened.required("opened")?.opened.accept()?))
}

/// Frees an opened container.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_opened_free(opened: Option<Box<ovseal_opened>>) {
    run_or((), || drop(opened));
}
