//! Devices and the plugins that serve them.

use std::ffi::{CStr, c_char};

use openvino_sys as ov;

use super::facts::PluginFacts;
use super::handle::Handle;
use super::openvino_error::{OpenVinoError, Operation, check};
use super::text;

/// Returns the names of the devices that a core finds.
pub(crate) fn list(core: &Handle<ov::ov_core_t>) -> Result<Vec<String>, OpenVinoError> {
    let mut devices = RawDevices(ov::ov_available_devices_t { devices: std::ptr::null_mut(), size: 0 });
    // SAFETY: the core is alive; `devices` receives the result.
    let status = unsafe { ov::ov_core_get_available_devices(core.as_ptr(), &mut devices.0) };
    check(Operation::ListDevices, status)?;
    Ok(devices.names())
}

/// Loads the plugins of a device and returns them without properties.
pub(crate) fn plugins(
    core: &Handle<ov::ov_core_t>,
    device: &CStr,
) -> Result<Vec<PluginFacts>, OpenVinoError> {
    let mut versions = RawVersions(ov::ov_core_version_list_t { versions: std::ptr::null_mut(), size: 0 });
    // SAFETY: the core and the name are alive; `versions` receives the result.
    let status =
        unsafe { ov::ov_core_get_versions_by_device_name(core.as_ptr(), device.as_ptr(), &mut versions.0) };
    check(Operation::LoadDevice, status)?;
    Ok(versions.plugins())
}

/// Returns a property of a device, if the device has it.
pub(crate) fn property(core: &Handle<ov::ov_core_t>, device: &CStr, name: &CStr) -> Option<String> {
    let mut value: *mut c_char = std::ptr::null_mut();
    // SAFETY: the core and the names are alive; `value` receives the result.
    let status =
        unsafe { ov::ov_core_get_property(core.as_ptr(), device.as_ptr(), name.as_ptr(), &mut value) };
    check(Operation::LoadDevice, status).ok()?;
    // SAFETY: the call succeeded and left the string to the caller.
    unsafe { text::take(value) }
}

struct RawVersions(ov::ov_core_version_list_t);

impl RawVersions {
    fn plugins(&self) -> Vec<PluginFacts> {
        if self.0.versions.is_null() {
            return Vec::new();
        }
        // SAFETY: the list has `size` entries and lives as long as `self`.
        let versions = unsafe { std::slice::from_raw_parts(self.0.versions, self.0.size) };
        let plugin = |entry: &ov::ov_core_version_t| PluginFacts {
            // SAFETY: the list's strings live as long as it does.
            device: unsafe { text::copy(entry.device_name) },
            // SAFETY: as above.
            name: unsafe { text::copy(entry.version.description) },
            // SAFETY: as above.
            build: unsafe { text::copy(entry.version.buildNumber) },
            properties: Vec::new(),
        };
        versions.iter().map(plugin).collect()
    }
}

impl Drop for RawVersions {
    fn drop(&mut self) {
        // SAFETY: the list is empty or was allocated by the runtime, and is not used again.
        unsafe { ov::ov_core_versions_free(&mut self.0) };
    }
}

struct RawDevices(ov::ov_available_devices_t);

impl RawDevices {
    fn names(&self) -> Vec<String> {
        if self.0.devices.is_null() {
            return Vec::new();
        }
        // SAFETY: the list has `size` pointers and lives as long as `self`.
        let names = unsafe { std::slice::from_raw_parts(self.0.devices, self.0.size) };
        // SAFETY: each is a string with a terminating zero byte and lives as long as the list.
        names.iter().map(|name| unsafe { CStr::from_ptr(*name) }.to_string_lossy().into_owned()).collect()
    }
}

impl Drop for RawDevices {
    fn drop(&mut self) {
        // SAFETY: the list is empty or was allocated by the runtime, and is not used again.
        unsafe { ov::ov_available_devices_free(&mut self.0) };
    }
}
