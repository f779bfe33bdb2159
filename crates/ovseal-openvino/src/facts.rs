//! What a runtime says of itself, on which compiled models depend.

/// What the runtime says of itself and of the plugins of one device.
///
/// [`Core::facts`](crate::Core::facts) asks the runtime that this crate loaded. A program that drives the runtime through an
/// interface of its own, C++ or Python, asks there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeFacts {
    /// Its version and build, such as `2026.4.1-21034-…`.
    pub version: String,
    /// The plugins that serve the device.
    pub plugins: Vec<PluginFacts>,
}

/// What the runtime says of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginFacts {
    /// The device that it serves, such as `CPU`. One that stands for others, such as `AUTO:CPU`, has a plugin for each.
    pub device: String,
    /// Its name, such as `openvino_intel_cpu_plugin`: its library without `lib` and `.so`.
    pub name: String,
    /// Its version and build.
    pub build: String,
    /// Names and values of those [`PROPERTIES`](Self::PROPERTIES) that the device has, in any order; and of what else is set for it, if
    /// the core is one that others can configure.
    pub properties: Vec<(String, String)>,
}

impl PluginFacts {
    /// What devices say of themselves, and of the software below them.
    pub const PROPERTIES: [&str; 5] = [
        "FULL_DEVICE_NAME",
        "DEVICE_ARCHITECTURE",
        "DEVICE_UUID",
        "NPU_DRIVER_VERSION",
        "NPU_COMPILER_VERSION",
    ];
}
