//! Reads, compiles and imports models.

use std::any::Any;
use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;

use openvino_sys as ov;
use ovseal::onnx::Skeleton;

use super::compiled::CompiledModel;
use super::devices;
use super::error::{NetworkError, c_string};
use super::facts::{PluginFacts, RuntimeFacts};
use super::handle::Handle;
use super::library::Runtime;
use super::network::Network;
use super::openvino_error::{OpenVinoError, Operation, check};
use super::properties::{self, Properties};
use super::shape::RawShape;
use super::weights::{KeepAlive, Weights, keep};
use crate::sys;

/// The runtime's core: its devices and the models on them.
///
/// One core per process is enough. Creating one takes a few milliseconds. Devices are loaded on
/// first use.
pub struct Core {
    handle: Arc<Handle<ov::ov_core_t>>,
    runtime: Runtime,
}

impl Core {
    /// Starts the runtime with its own cache of compiled models switched off.
    ///
    /// # Errors
    ///
    /// Fails if the runtime does not start.
    pub fn new(runtime: &Runtime) -> Result<Self, OpenVinoError> {
        // SAFETY: a `Runtime` exists, so the library is loaded; `place` receives the result.
        let handle = Handle::create(Operation::CreateCore, |place| unsafe { ov::ov_core_create(place) })?;
        let core = Self { handle: Arc::new(handle), runtime: runtime.clone() };
        core.set(None, &[properties::NO_CACHE])?;
        Ok(core)
    }

    /// Returns the runtime of this core.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Returns the names of this machine's devices, such as `CPU` and `GPU.0`.
    ///
    /// # Errors
    ///
    /// Fails if a device plugin cannot be loaded.
    pub fn available_devices(&self) -> Result<Vec<String>, OpenVinoError> {
        devices::list(&self.handle)
    }

    /// Loads the plugin of a device ahead of its first use.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Runtime`] if there is no such device or its plugin cannot be loaded.
    pub fn load_device(&self, device: &str) -> Result<(), NetworkError> {
        self.plugins(device).map(drop)
    }

    /// Loads the plugins of a device and returns the facts that models compiled for it depend on.
    ///
    /// # Errors
    ///
    /// Any error of [`load_device`](Self::load_device).
    pub fn facts(&self, device: &str) -> Result<RuntimeFacts, NetworkError> {
        let mut plugins = self.plugins(device)?;
        for plugin in &mut plugins {
            let supported = self.device_property(&plugin.device, "SUPPORTED_PROPERTIES");
            // A device may lack some of these properties. Requesting one that it lacks would take
            // milliseconds, because of the runtime's first exception.
            let listed =
                PluginFacts::PROPERTIES.into_iter().filter(|name| is_listed(supported.as_deref(), name));
            let asked = listed.map(|name| (name, self.device_property(&plugin.device, name)));
            plugin.properties = asked.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        }
        Ok(RuntimeFacts { version: self.runtime.version().to_owned(), plugins })
    }

    fn plugins(&self, device: &str) -> Result<Vec<PluginFacts>, NetworkError> {
        Ok(devices::plugins(&self.handle, &c_string("device", device)?)?)
    }

    fn device_property(&self, device: &str, name: &str) -> Option<String> {
        let (device, name) = (c_string("device", device).ok()?, c_string("property", name).ok()?);
        devices::property(&self.handle, &device, &name)
    }

    /// Starts the runtime with properties of a device that apply to everything this core compiles
    /// or imports.
    pub(crate) fn configured(
        runtime: &Runtime,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<Self, NetworkError> {
        let core = Self::new(runtime)?;
        let device = c_string("device", device)?;
        let properties = Properties::without_cache(properties)?;
        core.set(Some(&device), &properties.raw())?;
        Ok(core)
    }

    /// Sets properties of one device, or of all. Their strings must be alive.
    fn set(&self, device: Option<&CStr>, properties: &[ov::ov_property_t]) -> Result<(), OpenVinoError> {
        let (core, device) = (self.handle.as_ptr(), device.map_or(std::ptr::null(), CStr::as_ptr));
        if self.runtime.takes_arrays() {
            // SAFETY: core, device and the strings in the array are alive; a null device means all.
            let status =
                unsafe { ov::ov_core_set_properties(core, device, properties.len(), properties.as_ptr()) };
            return check(Operation::CreateCore, status);
        }
        properties.iter().try_for_each(|property| {
            // SAFETY: as above. The function takes name and value as variadic arguments. The
            // calling conventions of Linux on x86-64 and aarch64 pass those like all others.
            let status =
                unsafe { ov::ov_core_set_property(core, device, property.key, property.value.cast()) };
            check(Operation::CreateCore, status)
        })
    }

    /// Reads a model from memory: OpenVINO IR with its weights, ONNX without external data, or
    /// PaddlePaddle with its parameters.
    ///
    /// The network shares the memory of `weights` and keeps it alive. The runtime copies and parses
    /// the topology; its parsers were not written for hostile input, so pass only authentic bytes.
    /// For an ONNX topology that refers to a file, the runtime would read that file from the
    /// current directory: reject such a topology first.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Empty`] if the topology is empty; [`NetworkError::PointsAtMemory`] if it
    /// contains addresses; [`NetworkError::Runtime`] if the runtime cannot read it.
    pub fn read_model<W: Weights>(
        &self,
        topology: &[u8],
        weights: Option<Arc<W>>,
    ) -> Result<Network, NetworkError> {
        if memchr::memmem::find(topology, ADDRESS_TAG).is_some() {
            return Err(NetworkError::PointsAtMemory);
        }
        let bytes = weights.as_deref().map(AsRef::as_ref);
        self.read(topology, bytes, weights.as_ref().and_then(keep))
    }

    /// Reads an ONNX model whose skeleton points into the memory of `owners`.
    ///
    /// OpenVINO 2026.4.1 copies that memory while it reads the model. Other versions may read it in
    /// place, so the network keeps the owners.
    pub(crate) fn read_skeleton<O: Any + Send + Sync>(
        &self,
        skeleton: &Skeleton,
        owners: O,
    ) -> Result<Network, NetworkError> {
        self.read(skeleton.as_ref(), None, Some(Arc::new(owners)))
    }

    fn read(
        &self,
        topology: &[u8],
        weights: Option<&[u8]>,
        owner: KeepAlive,
    ) -> Result<Network, NetworkError> {
        if topology.is_empty() {
            return Err(NetworkError::Empty { what: "topology" });
        }
        let tensor = weights.filter(|bytes| !bytes.is_empty()).map(shared_tensor).transpose()?;
        let tensor = tensor.as_ref().map_or(std::ptr::null(), Handle::as_ptr);
        let (core, start, length) = (self.handle.as_ptr(), topology.as_ptr().cast(), topology.len());
        let handle = Handle::create(Operation::ReadModel, |place| {
            // SAFETY: core and tensor are alive, the topology has `length` bytes, `place` receives
            // the result. The network goes on reading the tensor's memory, and the memory into
            // which a skeleton points. `owner` keeps both alive as long as the network and
            // everything made from it. No other topology points anywhere.
            unsafe { ov::ov_core_read_model_from_memory_buffer(core, start, length, tensor, place) }
        })?;
        Ok(Network { handle, core: Arc::clone(&self.handle), weights: owner })
    }

    /// Reads a plaintext model from a file, and its weights from the file next to it.
    ///
    /// # Errors
    ///
    /// [`NetworkError::ZeroByte`] if the path contains a zero byte; [`NetworkError::Runtime`] if
    /// the model cannot be read.
    pub fn read_model_from_path(&self, path: &Path) -> Result<Network, NetworkError> {
        let path = c_string("path", sys::path_bytes(path))?;
        let handle = Handle::create(Operation::ReadModel, |place| {
            // SAFETY: core and path are alive, a null path of weights means the file next to it;
            // `place` receives the result.
            unsafe { ov::ov_core_read_model(self.handle.as_ptr(), path.as_ptr(), std::ptr::null(), place) }
        })?;
        Ok(Network { handle, core: Arc::clone(&self.handle), weights: None })
    }

    /// Compiles a network for a device such as `CPU`, with properties such as
    /// `("PERFORMANCE_HINT", "LATENCY")`.
    ///
    /// `CACHE_DIR` is always empty. The compiled model keeps the weights' owner and this core
    /// alive; you may drop `network`.
    ///
    /// # Errors
    ///
    /// [`NetworkError::WritesModel`] if a property sets a cache, even inside another property's
    /// value; [`NetworkError::Runtime`] if there is no such device or it cannot run the network.
    pub fn compile(
        &self,
        network: &Network,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<CompiledModel, NetworkError> {
        if !self.runtime.takes_arrays() {
            return self.compile_configured(network, device, properties);
        }
        let device = c_string("device", device)?;
        let properties = Properties::without_cache(properties)?;
        let raw = properties.raw();
        let (core, model, device) = (self.handle.as_ptr(), network.handle.as_ptr(), device.as_ptr());
        let handle = Handle::create(Operation::Compile, |place| {
            // SAFETY: core, network, device and the strings in the array are alive; `place`
            // receives the result.
            unsafe { ov::ov_core_compile_model_props(core, model, device, raw.len(), raw.as_ptr(), place) }
        })?;
        // A caller may compile on a different core than the one that read the network.
        let cores = [&self.handle, &network.core].map(Arc::clone);
        CompiledModel::new(handle, cores, network.weights.clone())
    }

    /// Compiles on a new core that has the properties, for runtimes that do not accept an array.
    fn compile_configured(
        &self,
        network: &Network,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<CompiledModel, NetworkError> {
        let core = Self::configured(&self.runtime, device, properties)?;
        let device = c_string("device", device)?;
        let (raw, model) = (core.handle.as_ptr(), network.handle.as_ptr());
        let handle = Handle::create(Operation::Compile, |place| {
            // SAFETY: core, network and device are alive, and no variadic arguments follow; `place`
            // receives the result.
            unsafe { ov::ov_core_compile_model(raw, model, device.as_ptr(), 0, place) }
        })?;
        CompiledModel::new(handle, [&core.handle, &network.core].map(Arc::clone), network.weights.clone())
    }

    /// Imports a compiled model that [`CompiledModel::export`] wrote on the same device, machine
    /// and runtime.
    ///
    /// The runtime goes on reading the bytes in place, so the compiled model keeps them alive.
    /// (Seen with the CPU plugin of 2026.4.1: overwriting them afterwards changes the outputs.) The
    /// bytes must be authentic: the device's own parser trusts their offsets. Constants may be
    /// zeros at first, if you drop the model without using it when they fail to verify.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Empty`]; [`NetworkError::Runtime`] if the bytes are not for this device and
    /// runtime.
    pub fn import<W: Weights>(&self, exported: Arc<W>, device: &str) -> Result<CompiledModel, NetworkError> {
        let bytes: &[u8] = (*exported).as_ref();
        if bytes.is_empty() {
            return Err(NetworkError::Empty { what: "exported model" });
        }
        let device = c_string("device", device)?;
        let (core, start, length) = (self.handle.as_ptr(), bytes.as_ptr().cast(), bytes.len());
        let handle = Handle::create(Operation::Import, |place| {
            // SAFETY: core and device are alive, the compiled model keeps the `length` bytes at
            // `start` alive, `place` receives the result.
            unsafe { ov::ov_core_import_model(core, start, length, device.as_ptr(), place) }
        })?;
        let cores = [&self.handle, &self.handle].map(Arc::clone);
        CompiledModel::new(handle, cores, keep(&exported))
    }
}

/// Returns whether a property may exist: it is in the list, or there is no list.
fn is_listed(supported: Option<&str>, name: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    supported.is_none_or(|names| names.split(|letter| !is_part(letter)).any(|listed| listed == name))
}

/// Creates a tensor that shares the memory of the weights. The caller keeps them alive longer than
/// everything that uses the tensor.
fn shared_tensor(bytes: &[u8]) -> Result<Handle<ov::ov_tensor_t>, OpenVinoError> {
    let shape = RawShape::new(Operation::ReadModel, &[bytes.len()])?;
    let start = bytes.as_ptr().cast_mut().cast();
    Handle::create(Operation::ReadModel, |place| {
        // SAFETY: the shape is that of the bytes, `place` receives the result. The runtime treats
        // weights as constant and never writes to them: the tests run it on read-only pages.
        unsafe { ov::ov_tensor_create_from_host_ptr(ov::ov_element_type_e::U8, shape.0, start, place) }
    })
}

/// A `location` in ONNX that makes the runtime read any address of the process.
const ADDRESS_TAG: &[u8] = b"_ORT_MEM_ADDR_";

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use std::fs;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};

    use ovseal::PartPath;

    use super::*;
    use crate::ElementType;
    use crate::Tensor;
    use crate::locate::Environment;

    fn set_up(name: &str) -> PathBuf {
        let value = std::env::var_os(name);
        value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")).into()
    }

    fn core() -> Core {
        let environment = Environment::default().with("OVSEAL_OPENVINO", set_up("OVSEAL_OPENVINO"));
        Core::new(&Runtime::locate(None, &environment).unwrap()).unwrap()
    }

    /// A model and its external data, overwritten on drop.
    struct Owner {
        files: [Vec<u8>; 2],
        dropped: Arc<AtomicBool>,
    }

    impl Drop for Owner {
        fn drop(&mut self) {
            self.files.iter_mut().for_each(|file| file.fill(0xA5));
            self.dropped.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_memory_behind_a_skeleton_outlives_everything_made_from_it() {
        let (core, folder) = (core(), set_up("OVSEAL_TEST_MODELS").join("onnx-external"));
        for last in 0..3 {
            let files = ["model.onnx", "weights.bin"].map(|name| fs::read(folder.join(name)).unwrap());
            let dropped = Arc::new(AtomicBool::new(false));
            let owner = Owner { files, dropped: Arc::clone(&dropped) };
            let [path, weights] = ["model.onnx", "weights.bin"].map(|path| PartPath::parse(path).unwrap());
            let skeleton = Skeleton::new(&path, &owner.files[0], &[(&weights, &owner.files[1])]).unwrap();
            let model = core.read_skeleton(&skeleton, owner).unwrap();
            let compiled = core.compile(&model, "CPU", &[]).unwrap();
            let mut request = compiled.create_request().unwrap();
            request.set_input("x", Tensor::new(core.runtime(), ElementType::F32, &[1, 64]).unwrap()).unwrap();
            request.infer().unwrap();
            let mut held = (Some(model), Some(compiled), Some(request));
            for which in (0..3).filter(|&which| which != last).chain([last]) {
                assert!(!dropped.load(Ordering::SeqCst), "before {which} was dropped, {last} is last");
                match which {
                    0 => drop(held.0.take()),
                    1 => drop(held.1.take()),
                    _ => drop(held.2.take()),
                }
            }
            assert!(dropped.load(Ordering::SeqCst), "{last} was the last");
        }
    }

    /// No caller can set this property on a core, but a future runtime may read the directory from
    /// elsewhere.
    #[test]
    fn a_cache_folder_of_the_core_is_overruled_at_each_compilation() {
        let core = core();
        let folder = tempfile::tempdir().unwrap();
        let path = CString::new(sys::path_bytes(folder.path())).unwrap();
        let property = ov::ov_property_t { value: path.as_ptr().cast(), ..properties::NO_CACHE };
        // SAFETY: the core is alive, and the one property has two strings.
        let status = unsafe {
            ov::ov_core_set_properties(core.handle.as_ptr(), std::ptr::null(), 1, &raw const property)
        };
        assert_eq!(status, ov::ov_status_e::OK);
        let model = set_up("OVSEAL_TEST_MODELS").join("conv/model.xml");
        let model = core.read_model_from_path(&model).unwrap();
        core.compile(&model, "CPU", &[]).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
