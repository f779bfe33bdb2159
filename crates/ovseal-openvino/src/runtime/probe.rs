//! A check of the library before the bindings load it.
//!
//! The bindings panic if a function is missing or the version is not a number. After they
//! have rejected a library, they cannot load another. This module therefore checks their
//! requirements first.

use std::ffi::CStr;
use std::path::Path;

use libloading::Library;
use openvino_sys::{ov_status_e, ov_version_t};

use crate::locate::LocateError;

/// Opens a library and checks that it is an OpenVINO runtime with every function that this crate
/// calls.
pub(crate) fn probe(path: &Path) -> Result<Probed, LocateError> {
    let load = |source| LocateError::Load { path: path.to_path_buf(), source };
    // SAFETY: this runs the library's initializers. The caller trusts the file with plaintext.
    let library = unsafe { Library::new(path) }.map_err(load)?;
    let unsupported = |missing| LocateError::Unsupported { path: path.to_path_buf(), missing };
    if let Some(missing) = FUNCTIONS.iter().find(|name| !has(&library, name)) {
        return Err(unsupported(missing));
    }
    let version = version_of(&library).ok_or_else(|| unsupported("a version"))?;
    if number(&version).is_none_or(|number| number < OLDEST) {
        return Err(unsupported("the types of version 2025.1"));
    }
    let takes_arrays = match (has_all(&library, WITH_ARRAYS), has_all(&library, WITHOUT_ARRAYS)) {
        (true, _) => true,
        (false, true) => false,
        (false, false) => return Err(unsupported("functions that set properties")),
    };
    // Unloading would run the runtime's destructors, only for the runtime to be loaded again at
    // once.
    std::mem::forget(library);
    Ok(Probed { version, takes_arrays })
}

/// The facts about a library.
pub(crate) struct Probed {
    /// The version and build, such as `2026.4.1-21034-…`.
    pub(crate) version: String,
    /// True if the library accepts properties as arrays, as 2026.4 and later do.
    pub(crate) takes_arrays: bool,
}

fn has_all(library: &Library, names: &[&str]) -> bool {
    names.iter().all(|name| has(library, name))
}

fn has(library: &Library, name: &str) -> bool {
    // SAFETY: the symbol is only looked up, never called or read.
    unsafe { library.get::<*const ()>(name.as_bytes()) }.is_ok()
}

fn version_of(library: &Library) -> Option<String> {
    // SAFETY: the signature is that of OpenVINO's header `ov_core.h`.
    let read = unsafe { library.get::<ReadVersion>(b"ov_get_openvino_version") }.ok()?;
    // SAFETY: as above.
    let free = unsafe { library.get::<FreeVersion>(b"ov_version_free") }.ok()?;
    let mut version = ov_version_t { buildNumber: std::ptr::null(), description: std::ptr::null() };
    // SAFETY: `version` receives the result.
    if unsafe { read(&mut version) } != ov_status_e::OK || version.buildNumber.is_null() {
        return None;
    }
    // SAFETY: the call succeeded, so this is a string with a terminating zero byte until it is
    // freed below.
    let text = unsafe { CStr::from_ptr(version.buildNumber) }.to_string_lossy().into_owned();
    // SAFETY: the strings were allocated by the call above and are freed once.
    unsafe { free(&mut version) };
    Some(text)
}

/// Parses the year and the release within it from `2026.4.1-…`.
fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

type ReadVersion = unsafe extern "C" fn(*mut ov_version_t) -> ov_status_e;
type FreeVersion = unsafe extern "C" fn(*mut ov_version_t);

/// The oldest supported version. It changed the numbers of the element types to those of the
/// bindings.
const OLDEST: (u32, u32) = (2025, 1);

/// The functions that set properties from an array. A runtime has either these,
const WITH_ARRAYS: &[&str] = &["ov_core_compile_model_props", "ov_core_set_properties"];

/// or these, which take one property at a time.
const WITHOUT_ARRAYS: &[&str] = &["ov_core_compile_model", "ov_core_set_property"];

/// Every other function that this crate calls. The bindings panic when a missing one is called.
const FUNCTIONS: &[&str] = &[
    "ov_available_devices_free",
    "ov_compiled_model_create_infer_request",
    "ov_compiled_model_export_model",
    "ov_compiled_model_free",
    "ov_compiled_model_get_property",
    "ov_compiled_model_input_by_index",
    "ov_compiled_model_input_by_name",
    "ov_compiled_model_inputs_size",
    "ov_compiled_model_output_by_index",
    "ov_compiled_model_outputs_size",
    "ov_core_create",
    "ov_core_free",
    "ov_core_get_available_devices",
    "ov_core_get_property",
    "ov_core_get_versions_by_device_name",
    "ov_core_import_model",
    "ov_core_read_model",
    "ov_core_read_model_from_memory_buffer",
    "ov_core_versions_free",
    "ov_free",
    "ov_get_last_err_msg",
    "ov_get_openvino_version",
    "ov_infer_request_free",
    "ov_infer_request_get_output_tensor_by_index",
    "ov_infer_request_infer",
    "ov_infer_request_set_tensor_by_const_port",
    "ov_model_const_input_by_index",
    "ov_model_const_input_by_name",
    "ov_model_const_output_by_index",
    "ov_model_free",
    "ov_model_inputs_size",
    "ov_model_outputs_size",
    "ov_model_reshape_by_port_indexes",
    "ov_output_const_port_free",
    "ov_partial_shape_create",
    "ov_partial_shape_free",
    "ov_port_get_any_name",
    "ov_port_get_element_type",
    "ov_port_get_partial_shape",
    "ov_shape_create",
    "ov_shape_free",
    "ov_tensor_create",
    "ov_tensor_create_from_host_ptr",
    "ov_tensor_data",
    "ov_tensor_free",
    "ov_tensor_get_byte_size",
    "ov_tensor_get_element_type",
    "ov_tensor_get_shape",
    "ov_version_free",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    /// Returns the names in `text` after `ov::` or `openvino_sys::`, except those of types.
    fn names(text: &str) -> impl Iterator<Item = &str> {
        let end =
            |text: &str| text.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(text.len());
        // Split, so that this line is not a match.
        let behind = text.match_indices(concat!("::", "ov_")).map(|(at, _)| &text[at + 2..]);
        let names = behind.map(move |name| &name[..end(name)]);
        names.filter(|name| !name.ends_with("_t") && !name.ends_with("_e"))
    }

    fn sources(folder: &Path) -> String {
        let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        let read = |path: PathBuf| match path.is_dir() {
            true => sources(&path),
            false => std::fs::read_to_string(path).unwrap(),
        };
        entries.map(read).collect()
    }

    #[test]
    fn every_function_that_the_crate_calls_is_checked() {
        let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        // The code above calls these two functions without the bindings.
        let probed = ["ov_get_openvino_version", "ov_version_free"];
        let called: BTreeSet<&str> = names(&sources).chain(probed).collect();
        assert_eq!(called, [FUNCTIONS, WITH_ARRAYS, WITHOUT_ARRAYS].concat().into_iter().collect());
    }
}
