//! The facts about a runtime on which compiled models depend.

/// The facts about a runtime and the plugins of one device.
///
/// [`Core::facts`](crate::Core::facts) reads them from the runtime that this crate loaded. C++ and
/// Python programs read them through their own interface to OpenVINO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeFacts {
    /// The version and build of the runtime, such as `2026.4.1-21034-…`.
    pub version: String,
    /// The plugins that serve the device.
    pub plugins: Vec<PluginFacts>,
}

/// The facts about a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginFacts {
    /// The device that the plugin serves, such as `CPU`. A virtual device such as `AUTO:CPU` has
    /// several plugins.
    pub device: String,
    /// The plugin's name, such as `openvino_intel_cpu_plugin`: the library's name without `lib` and
    /// `.so`.
    pub name: String,
    /// Its version and build.
    pub build: String,
    /// Names and values of those [`PROPERTIES`](Self::PROPERTIES) that the device has, in any
    /// order. If other code can configure the core, also those of every property set for the
    /// device.
    pub properties: Vec<(String, String)>,
}

impl PluginFacts {
    /// The properties that identify a device and its driver.
    pub const PROPERTIES: [&str; 5] = [
        "FULL_DEVICE_NAME",
        "DEVICE_ARCHITECTURE",
        "DEVICE_UUID",
        "NPU_DRIVER_VERSION",
        "NPU_COMPILER_VERSION",
    ];
}
