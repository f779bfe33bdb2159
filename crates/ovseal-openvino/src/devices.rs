//! The list of devices.

use std::ffi::CStr;

use openvino_sys as ov;

use crate::error::{OpenVinoError, Operation, check};
use crate::handle::Handle;

/// Lists the names of the devices that a core finds.
pub(crate) fn list(core: &Handle<ov::ov_core_t>) -> Result<Vec<String>, OpenVinoError> {
    let mut devices = RawDevices(ov::ov_available_devices_t { devices: std::ptr::null_mut(), size: 0 });
    // SAFETY: the core is alive; `devices` takes the result.
    let status = unsafe { ov::ov_core_get_available_devices(core.as_ptr(), &mut devices.0) };
    check(Operation::ListDevices, status)?;
    Ok(devices.names())
}

/// Loads a device's plugin, by asking for its version.
pub(crate) fn load(core: &Handle<ov::ov_core_t>, device: &CStr) -> Result<(), OpenVinoError> {
    let mut versions = ov::ov_core_version_list_t { versions: std::ptr::null_mut(), size: 0 };
    // SAFETY: the core and the name are alive; `versions` takes the result.
    let status =
        unsafe { ov::ov_core_get_versions_by_device_name(core.as_ptr(), device.as_ptr(), &mut versions) };
    check(Operation::LoadDevice, status)?;
    // SAFETY: the list was allocated by the call, which succeeded, and is not used again.
    unsafe { ov::ov_core_versions_free(&mut versions) };
    Ok(())
}

struct RawDevices(ov::ov_available_devices_t);

impl RawDevices {
    fn names(&self) -> Vec<String> {
        if self.0.devices.is_null() {
            return Vec::new();
        }
        // SAFETY: the list has `size` pointers and lives as long as `self`.
        let names = unsafe { std::slice::from_raw_parts(self.0.devices, self.0.size) };
        // SAFETY: each is a string with a final zero byte and lives as long as the list.
        names.iter().map(|name| unsafe { CStr::from_ptr(*name) }.to_string_lossy().into_owned()).collect()
    }
}

impl Drop for RawDevices {
    fn drop(&mut self) {
        // SAFETY: the list is empty or was allocated by the runtime, and is not used again.
        unsafe { ov::ov_available_devices_free(&mut self.0) };
    }
}
