//! Reads, compiles and imports models.

use std::any::Any;
use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use openvino_sys as ov;
use ovseal::onnx::Skeleton;

use crate::compiled::CompiledModel;
use crate::devices;
use crate::error::{ModelError, OpenVinoError, Operation, check};
use crate::facts::{PluginFacts, RuntimeFacts};
use crate::handle::Handle;
use crate::model::Model;
use crate::properties::{self, Properties};
use crate::runtime::Runtime;
use crate::shape::RawShape;
use crate::text;
use crate::weights::{KeepAlive, Weights, keep};

/// The runtime's core: its devices and the models on them.
///
/// One for a process is enough; making one costs some milliseconds, and devices are loaded when first used.
pub struct Core {
    handle: Arc<Handle<ov::ov_core_t>>,
    runtime: Runtime,
}

impl Core {
    /// Starts the runtime, with its cache of compiled models switched off.
    ///
    /// # Errors
    ///
    /// When the runtime does not start.
    pub fn new(runtime: &Runtime) -> Result<Self, OpenVinoError> {
        // SAFETY: the library is loaded, as `runtime` shows; `place` takes the result.
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

    /// Returns the names of the devices that this machine has, such as `CPU` and `GPU.0`.
    ///
    /// # Errors
    ///
    /// When a device plugin cannot be loaded.
    pub fn available_devices(&self) -> Result<Vec<String>, OpenVinoError> {
        devices::list(&self.handle)
    }

    /// Loads the plugin of a device, which otherwise happens when it is first used.
    ///
    /// # Errors
    ///
    /// [`ModelError::Runtime`] when there is no such device or its plugin cannot be loaded.
    pub fn load_device(&self, device: &str) -> Result<(), ModelError> {
        self.plugins(device).map(drop)
    }

    /// Loads the plugins of a device, and asks what a model that is compiled for it depends on.
    ///
    /// # Errors
    ///
    /// Those of [`load_device`](Self::load_device).
    pub fn facts(&self, device: &str) -> Result<RuntimeFacts, ModelError> {
        let mut plugins = self.plugins(device)?;
        for plugin in &mut plugins {
            let supported = self.device_property(&plugin.device, "SUPPORTED_PROPERTIES");
            // Devices have those that mean something to them. To ask for another costs milliseconds: the runtime's first exception.
            let listed =
                PluginFacts::PROPERTIES.into_iter().filter(|name| is_listed(supported.as_deref(), name));
            let asked = listed.map(|name| (name, self.device_property(&plugin.device, name)));
            plugin.properties = asked.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        }
        Ok(RuntimeFacts { version: self.runtime.version().to_owned(), plugins })
    }

    fn plugins(&self, device: &str) -> Result<Vec<PluginFacts>, ModelError> {
        Ok(devices::plugins(&self.handle, &text::named("device", device)?)?)
    }

    fn device_property(&self, device: &str, name: &str) -> Option<String> {
        let (device, name) = (text::named("device", device).ok()?, text::named("property", name).ok()?);
        devices::property(&self.handle, &device, &name)
    }

    /// Starts the runtime with properties of a device that hold for everything which this core compiles or imports.
    pub(crate) fn configured(
        runtime: &Runtime,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<Self, ModelError> {
        let core = Self::new(runtime)?;
        let device = text::named("device", device)?;
        let properties = Properties::without_cache(properties)?;
        core.set(Some(&device), &properties.raw())?;
        Ok(core)
    }

    /// Sets properties of a device, or of all. Their strings must be alive.
    fn set(&self, device: Option<&CStr>, properties: &[ov::ov_property_t]) -> Result<(), OpenVinoError> {
        let (core, device) = (self.handle.as_ptr(), device.map_or(std::ptr::null(), CStr::as_ptr));
        if self.runtime.takes_arrays() {
            // SAFETY: core, device and the strings in the array are alive; no device means all of them.
            let status =
                unsafe { ov::ov_core_set_properties(core, device, properties.len(), properties.as_ptr()) };
            return check(Operation::CreateCore, status);
        }
        properties.iter().try_for_each(|property| {
            // SAFETY: as above. The function takes a name and a value as variable arguments, which the calling
            // conventions of Linux on x86-64 and aarch64 hand over as they do all others.
            let status =
                unsafe { ov::ov_core_set_property(core, device, property.key, property.value.cast()) };
            check(Operation::CreateCore, status)
        })
    }

    /// Reads a model from memory: OpenVINO IR with its weights, ONNX without external data, Paddle with its parameters.
    ///
    /// The model shares the memory of `weights` and keeps it. The topology is copied by the runtime, and read by its parsers,
    /// which were not made for hostile input: give only what was found authentic. An ONNX topology that refers to a file would have
    /// it read from the current folder; refuse such a topology before.
    ///
    /// # Errors
    ///
    /// [`ModelError::Empty`] without a topology, [`ModelError::PointsAtMemory`] for one that names addresses,
    /// [`ModelError::Runtime`] for everything that the runtime cannot read.
    pub fn read_model<W: Weights>(
        &self,
        topology: &[u8],
        weights: Option<Arc<W>>,
    ) -> Result<Model, ModelError> {
        if memchr::memmem::find(topology, ADDRESS_TAG).is_some() {
            return Err(ModelError::PointsAtMemory);
        }
        let bytes = weights.as_deref().map(AsRef::as_ref);
        self.read(topology, bytes, weights.as_ref().and_then(keep))
    }

    /// Reads an ONNX model whose skeleton points into the memory of `owners`: the bytes that it was made from.
    ///
    /// OpenVINO 2026.4.1 copies them when it reads the model. Another one may read them in place, so the model keeps the owners.
    pub(crate) fn read_skeleton<O: Any + Send + Sync>(
        &self,
        skeleton: &Skeleton,
        owners: O,
    ) -> Result<Model, ModelError> {
        self.read(skeleton.as_ref(), None, Some(Arc::new(owners)))
    }

    fn read(&self, topology: &[u8], weights: Option<&[u8]>, owner: KeepAlive) -> Result<Model, ModelError> {
        if topology.is_empty() {
            return Err(ModelError::Empty { what: "topology" });
        }
        let tensor = weights.filter(|bytes| !bytes.is_empty()).map(shared_tensor).transpose()?;
        let tensor = tensor.as_ref().map_or(std::ptr::null(), Handle::as_ptr);
        let (core, start, length) = (self.handle.as_ptr(), topology.as_ptr().cast(), topology.len());
        let handle = Handle::create(Operation::ReadModel, |place| {
            // SAFETY: core and tensor are alive, the topology has `length` bytes; `place` takes the result. The model goes
            // on reading the tensor's memory, and that to which a skeleton points: `owner` keeps it as long as the model
            // and all that is made of it. No other topology points anywhere.
            unsafe { ov::ov_core_read_model_from_memory_buffer(core, start, length, tensor, place) }
        })?;
        Ok(Model { handle, core: Arc::clone(&self.handle), weights: owner })
    }

    /// Reads a plaintext model from a file, and its weights from the file beside it.
    ///
    /// # Errors
    ///
    /// [`ModelError::ZeroByte`] for an impossible path, [`ModelError::Runtime`] when it cannot be read.
    pub fn read_model_from_path(&self, path: &Path) -> Result<Model, ModelError> {
        let path = text::named("path", path.as_os_str().as_bytes())?;
        let handle = Handle::create(Operation::ReadModel, |place| {
            // SAFETY: core and path are alive, no path of weights means the one beside it; `place` takes the result.
            unsafe { ov::ov_core_read_model(self.handle.as_ptr(), path.as_ptr(), std::ptr::null(), place) }
        })?;
        Ok(Model { handle, core: Arc::clone(&self.handle), weights: None })
    }

    /// Compiles a model for a device such as `CPU`, with properties such as `("PERFORMANCE_HINT", "LATENCY")`.
    ///
    /// `CACHE_DIR` is always empty. The compiled model keeps the weights' owner and this core; `model` may be dropped.
    ///
    /// # Errors
    ///
    /// [`ModelError::WritesModel`] for a property that sets a cache, also one hidden in another property's value;
    /// [`ModelError::Runtime`] when there is no such device or it cannot run the model.
    pub fn compile(
        &self,
        model: &Model,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<CompiledModel, ModelError> {
        if !self.runtime.takes_arrays() {
            return self.compile_configured(model, device, properties);
        }
        let device = text::named("device", device)?;
        let properties = Properties::without_cache(properties)?;
        let raw = properties.raw();
        let (core, network) = (self.handle.as_ptr(), model.handle.as_ptr());
        let handle = Handle::create(Operation::Compile, |place| {
            // SAFETY: core, model, device and the strings in the array are alive; `place` takes the result.
            unsafe {
                ov::ov_core_compile_model_props(
                    core,
                    network,
                    device.as_ptr(),
                    raw.len(),
                    raw.as_ptr(),
                    place,
                )
            }
        })?;
        // A caller may compile on another core than the one that read the model.
        let cores = [&self.handle, &model.core].map(Arc::clone);
        CompiledModel::new(handle, cores, model.weights.clone())
    }

    /// Compiles on a core of its own, which has the properties: for runtimes that take none in an array.
    fn compile_configured(
        &self,
        model: &Model,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<CompiledModel, ModelError> {
        let core = Self::configured(&self.runtime, device, properties)?;
        let device = text::named("device", device)?;
        let (raw, network) = (core.handle.as_ptr(), model.handle.as_ptr());
        let handle = Handle::create(Operation::Compile, |place| {
            // SAFETY: core, model and device are alive, and no variable arguments follow; `place` takes the result.
            unsafe { ov::ov_core_compile_model(raw, network, device.as_ptr(), 0, place) }
        })?;
        CompiledModel::new(handle, [&core.handle, &model.core].map(Arc::clone), model.weights.clone())
    }

    /// Imports a compiled model that [`CompiledModel::export`] made, on the same device, machine and runtime.
    ///
    /// The runtime goes on reading the bytes in place (seen with the CPU of 2026.4.1: overwriting them afterwards changes the
    /// outputs), so the compiled model keeps them. They must be authentic: importing runs the device's own parser, and trusts offsets.
    /// What lies there of constants alone may be zeros in their place, if the model is dropped unused then.
    ///
    /// # Errors
    ///
    /// [`ModelError::Empty`]; [`ModelError::Runtime`] when the bytes are not for this device and runtime.
    pub fn import<W: Weights>(&self, exported: Arc<W>, device: &str) -> Result<CompiledModel, ModelError> {
        let bytes: &[u8] = (*exported).as_ref();
        if bytes.is_empty() {
            return Err(ModelError::Empty { what: "exported model" });
        }
        let device = text::named("device", device)?;
        let (core, start, length) = (self.handle.as_ptr(), bytes.as_ptr().cast(), bytes.len());
        let handle = Handle::create(Operation::Import, |place| {
            // SAFETY: core and device are alive, `length` bytes are at `start` and are kept as long as the compiled model;
            // `place` takes the result.
            unsafe { ov::ov_core_import_model(core, start, length, device.as_ptr(), place) }
        })?;
        let cores = [&self.handle, &self.handle].map(Arc::clone);
        CompiledModel::new(handle, cores, keep(&exported))
    }
}

/// Whether a property may be there: it stands in the list, or there is no list.
fn is_listed(supported: Option<&str>, name: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    supported.is_none_or(|names| names.split(|letter| !is_part(letter)).any(|listed| listed == name))
}

/// Makes a tensor that shares the memory of the weights. The caller keeps them alive longer than everything that uses it.
fn shared_tensor(bytes: &[u8]) -> Result<Handle<ov::ov_tensor_t>, OpenVinoError> {
    let shape = RawShape::new(Operation::ReadModel, &[bytes.len()])?;
    let start = bytes.as_ptr().cast_mut().cast();
    Handle::create(Operation::ReadModel, |place| {
        // SAFETY: the shape is that of the bytes. The runtime takes weights as constant and never writes to them (the tests run it on
        // pages that cannot be written); `place` takes the result.
        unsafe { ov::ov_tensor_create_from_host_ptr(ov::ov_element_type_e::U8, shape.0, start, place) }
    })
}

/// With this `location` an ONNX topology makes the runtime read any address of the process.
const ADDRESS_TAG: &[u8] = b"_ORT_MEM_ADDR_";

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use std::fs;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};

    use ovseal::PartPath;

    use super::*;
    use crate::element_type::ElementType;
    use crate::environment::Environment;
    use crate::tensor::Tensor;

    fn set_up(name: &str) -> PathBuf {
        let value = std::env::var_os(name);
        value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")).into()
    }

    fn core() -> Core {
        let environment = Environment::default().with("OVSEAL_OPENVINO", set_up("OVSEAL_OPENVINO"));
        Core::new(&Runtime::locate(None, &environment).unwrap()).unwrap()
    }

    /// A model and its external data, overwritten when dropped.
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
    fn what_a_skeleton_points_at_outlives_everything_that_is_made_of_it() {
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

    /// No caller can do this to a core, but a runtime may yet learn to read the folder from somewhere else.
    #[test]
    fn a_cache_folder_of_the_core_is_overruled_at_each_compilation() {
        let core = core();
        let folder = tempfile::tempdir().unwrap();
        let path = CString::new(folder.path().as_os_str().as_bytes()).unwrap();
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
