//! OpenVINO's own cache of compiled models, for comparison.
//!
//! `ovseal-openvino` switches that cache off, because it writes weights in plaintext. This module
//! therefore calls the C interface itself. It frees nothing, because the process ends with the
//! measurement.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use openvino_sys as ov;
use ovseal_openvino::Runtime;

use super::network::{Digest, Ready, TOO_SHORT};
use crate::Result;

/// A core that may use its cache.
pub(super) struct RawCore(*mut ov::ov_core_t);

/// A compiled network with one request.
pub(super) struct RawNetwork {
    compiled: *mut ov::ov_compiled_model_t,
    request: *mut ov::ov_infer_request_t,
}

impl RawCore {
    /// Starts the runtime and loads the plugin for the processor.
    pub(super) fn new(runtime: &Runtime) -> Result<Self> {
        // A `Runtime` exists only after the library has been loaded.
        let _ = runtime;
        let mut core = ptr::null_mut();
        // SAFETY: the library is loaded; `core` receives the result.
        check("create a core", unsafe { ov::ov_core_create(&mut core) })?;
        let mut versions = ov::ov_core_version_list_t { versions: ptr::null_mut(), size: 0 };
        // SAFETY: the core and the name are alive; `versions` receives the result.
        let status = unsafe { ov::ov_core_get_versions_by_device_name(core, CPU.as_ptr(), &mut versions) };
        check("load the plugin", status)?;
        Ok(Self(core))
    }

    /// Compiles the model at `path`, or imports it from the cache in `directory`.
    pub(super) fn compile(&self, path: &Path, directory: &Path) -> Result<RawNetwork> {
        let [path, directory] = [path, directory].map(|path| CString::new(path.as_os_str().as_bytes()));
        let (path, directory) = (path?, directory?);
        let cache = ov::ov_property_t { key: c"CACHE_DIR".as_ptr(), value: directory.as_ptr().cast() };
        let mut compiled = ptr::null_mut();
        // SAFETY: core, path, name and the one property with its two strings are alive; `compiled`
        // receives the result.
        let status = unsafe {
            ov::ov_core_compile_model_from_file_props(
                self.0,
                path.as_ptr(),
                CPU.as_ptr(),
                1,
                &raw const cache,
                &mut compiled,
            )
        };
        check("compile", status)?;
        Ok(RawNetwork { compiled, request: ptr::null_mut() })
    }
}

impl RawNetwork {
    /// Returns whether the model came from the cache.
    pub(super) fn is_from_cache(&self) -> Result<bool> {
        let mut value = ptr::null_mut();
        // SAFETY: the compiled model and the key are alive; `value` receives the result.
        let status = unsafe {
            ov::ov_compiled_model_get_property(self.compiled, c"LOADED_FROM_CACHE".as_ptr(), &mut value)
        };
        check("read LOADED_FROM_CACHE", status)?;
        // SAFETY: the call succeeded and returned a string with a final zero byte.
        let value = unsafe { CStr::from_ptr(value) }.to_string_lossy();
        Ok(["YES", "true", "1"].contains(&value.as_ref()))
    }

    /// Returns the memory of an input of the request.
    fn input(&mut self, index: usize) -> Result<&mut [u8]> {
        let mut tensor = ptr::null_mut();
        // SAFETY: the request is alive; `tensor` receives the result.
        let status =
            unsafe { ov::ov_infer_request_get_input_tensor_by_index(self.request, index, &mut tensor) };
        check("take an input", status)?;
        let (data, length) = memory(tensor)?;
        // SAFETY: the runtime reported `length` bytes at `data`; `&mut self` makes the access
        // exclusive, and the runtime zeroes a new tensor.
        Ok(unsafe { std::slice::from_raw_parts_mut(data, length) })
    }

    fn output_bytes(&self, index: usize) -> Result<&[u8]> {
        let mut tensor = ptr::null_mut();
        // SAFETY: the request is alive; `tensor` receives the result.
        let status =
            unsafe { ov::ov_infer_request_get_output_tensor_by_index(self.request, index, &mut tensor) };
        check("take an output", status)?;
        let (data, length) = memory(tensor)?;
        // SAFETY: the runtime reported `length` bytes at `data`; the inference wrote them, and none
        // follows while `self` is borrowed.
        Ok(unsafe { std::slice::from_raw_parts(data, length) })
    }

    fn count(&self, count: Count) -> Result<usize> {
        let mut number = 0;
        // SAFETY: the compiled model is alive; `number` receives the result.
        check("count inputs or outputs", unsafe { count(self.compiled, &mut number) })?;
        Ok(number)
    }
}

impl Ready for RawNetwork {
    fn feed(&mut self, mut input: &[u8]) -> Result<()> {
        // SAFETY: the compiled model is alive; `request` receives the result.
        let status = unsafe { ov::ov_compiled_model_create_infer_request(self.compiled, &mut self.request) };
        check("create a request", status)?;
        for index in 0..self.count(ov::ov_compiled_model_inputs_size)? {
            let memory = self.input(index)?;
            let (bytes, rest) = input.split_at_checked(memory.len()).ok_or(TOO_SHORT)?;
            memory.copy_from_slice(bytes);
            input = rest;
        }
        Ok(())
    }

    fn infer(&mut self) -> Result<()> {
        // SAFETY: the request is alive, and `&mut` shows that its outputs are not borrowed.
        check("infer", unsafe { ov::ov_infer_request_infer(self.request) })
    }

    fn output(&self) -> Result<String> {
        let mut digest = Digest::default();
        for index in 0..self.count(ov::ov_compiled_model_outputs_size)? {
            digest.add(self.output_bytes(index)?);
        }
        Ok(digest.finish())
    }
}

/// Counts the inputs or the outputs.
type Count = unsafe fn(*const ov::ov_compiled_model_t, *mut usize) -> ov::ov_status_e;

/// Returns the address and the length of a tensor's memory.
fn memory(tensor: *mut ov::ov_tensor_t) -> Result<(*mut u8, usize)> {
    let (mut data, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the tensor is alive; `length` receives the result.
    check("measure a tensor", unsafe { ov::ov_tensor_get_byte_size(tensor, &mut length) })?;
    // SAFETY: the tensor is alive; `data` receives the result.
    check("find a tensor", unsafe { ov::ov_tensor_data(tensor, &mut data) })?;
    Ok((data.cast(), length))
}

fn check(what: &str, status: ov::ov_status_e) -> Result<()> {
    if status == ov::ov_status_e::OK {
        return Ok(());
    }
    // SAFETY: the library is loaded; the call returns a string with a final zero byte, or null.
    let message = unsafe { ov::ov_get_last_err_msg() };
    if message.is_null() {
        return Err(format!("OpenVINO cannot {what}").into());
    }
    // SAFETY: the pointer is not null, so it points to a string with a final zero byte, which is
    // never freed.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    Err(format!("OpenVINO cannot {what}: {message}").into())
}

const CPU: &CStr = c"CPU";
