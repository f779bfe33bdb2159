//! The sealed cache of compiled models.

use std::ffi::{CString, c_char, c_int};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::ptr;
use std::sync::LazyLock;

use ovseal_frontend::{Failure, device_secret};
use ovseal_openvino::{CacheSlot, Compilation, CompileCache, ExportedModel, PluginFacts, RuntimeFacts};

use crate::error::{create, ovseal_error, run, run_or};
use crate::mapping::ovseal_mapping;
use crate::network::{ovseal_property, texts};
use crate::opened::ovseal_opened;
use crate::text::{
    Required, bad_argument, c_string, give, list, optional_path, optional_text, path, pointer, text,
};
use crate::versioned::{self, Versioned};

/// A directory of compiled models, each in its own container. Free it with `ovseal_cache_free`.
pub struct ovseal_cache(CompileCache);

/// The entry for one compiled model in a cache. Free it with `ovseal_cache_slot_free`.
pub struct ovseal_cache_slot(CacheSlot);

/// Opens the cache in the directory `directory`, and creates it with mode 0700 if it does not
/// exist.
///
/// `secret` is the file with this device's secret, created with mode 0600 if it does not exist;
/// NULL for `device.secret` among the device's other files. It must not be inside the cache.
/// `limit` is the maximum total size of all entries in bytes; 0 for no limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_cache_open(
    directory: *const c_char,
    secret: *const c_char,
    limit: u64,
    cache: Option<&mut MaybeUninit<*mut ovseal_cache>>,
) -> *mut ovseal_error {
    create(cache, "cache", || {
        // SAFETY: the header requires a string.
        let directory = unsafe { path(directory, "directory") }?;
        // SAFETY: the header requires a string or NULL.
        let secret = device_secret(directory, unsafe { optional_path(secret) })?;
        let cache = CompileCache::open(directory, secret)?;
        Ok(ovseal_cache(if limit > 0 { cache.limit(limit) } else { cache }))
    })
}

/// Frees a cache. Slots stay valid.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_cache_free(cache: Option<Box<ovseal_cache>>) {
    drop(cache);
}

/// A plugin of the runtime. This struct never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_plugin {
    /// The plugin's own device, such as `CPU`.
    pub device: *const c_char,
    /// The plugin's name, such as `openvino_intel_cpu_plugin`.
    pub name: *const c_char,
    /// The plugin's version and build.
    pub build: *const c_char,
    /// The plugin's properties: those listed by `ovseal_plugin_wanted_property` that the plugin
    /// has, and all that can be set, because cores can differ in their settings.
    pub properties: *const ovseal_property,
    /// The number of properties.
    pub property_count: usize,
}

/// A compilation for which a cache has a slot. Start from `OVSEAL_COMPILATION_INIT`.
///
/// It is the compilation of a container's network without changes. A reshaped network has no slot.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_compilation {
    /// `sizeof(ovseal_compilation)`.
    pub size: usize,
    /// The path of the network in the container; NULL for the only one.
    pub part: *const c_char,
    /// The device for which to compile. Required.
    pub device: *const c_char,
    /// The properties to compile with.
    pub properties: *const ovseal_property,
    /// The number of properties.
    pub property_count: usize,
    /// The runtime's version, such as `ov::get_openvino_version().buildNumber`. Required.
    pub runtime: *const c_char,
    /// The plugins that serve the device.
    pub plugins: *const ovseal_plugin,
    /// The number of plugins.
    pub plugin_count: usize,
}

// SAFETY: `repr(C)`, the size comes first, every member is one word, and zeros are NULL or 0.
unsafe impl Versioned for ovseal_compilation {}

/// Returns the name of property `number`, counted from 0, to read from a plugin; NULL past the
/// last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plugin_wanted_property(number: usize) -> *const c_char {
    static WANTED: LazyLock<Vec<CString>> = LazyLock::new(|| PluginFacts::PROPERTIES.map(c_string).to_vec());
    pointer(WANTED.get(number))
}

/// Finds the slot for a network of an opened container.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_cache_find(
    cache: Option<&ovseal_cache>,
    opened: Option<&ovseal_opened>,
    compilation: *const ovseal_compilation,
    slot: Option<&mut MaybeUninit<*mut ovseal_cache_slot>>,
) -> *mut ovseal_error {
    create(slot, "slot", || {
        let cache = cache.required("cache")?;
        let opened = opened.required("opened")?;
        // SAFETY: the header requires as many bytes as the size says.
        let compilation = unsafe { versioned::read(compilation, "compilation") }?;
        // SAFETY: the header requires that its pointers are NULL or valid.
        let facts = unsafe { facts(&compilation) }?;
        // SAFETY: as above.
        let part = unsafe { optional_text(compilation.part, "compilation->part") }?.map(str::to_owned);
        // SAFETY: as above.
        let device = unsafe { text(compilation.device, "compilation->device") }?;
        // SAFETY: as above.
        let properties = unsafe { texts(compilation.properties, compilation.property_count) }?;
        let compilation = Compilation { part, properties, ..Compilation::on(device) };
        Ok(ovseal_cache_slot(cache.0.slot_for(&facts, &opened.opened, &compilation)?))
    })
}

/// # Safety
/// The pointers are NULL or valid.
unsafe fn facts(compilation: &ovseal_compilation) -> Result<RuntimeFacts, Failure> {
    // SAFETY: the caller guarantees that the string is valid.
    let version = unsafe { text(compilation.runtime, "compilation->runtime") }?.to_owned();
    // SAFETY: the caller guarantees as many plugins as it says.
    let plugins = unsafe { list(compilation.plugins, compilation.plugin_count, "compilation->plugins") }?;
    // SAFETY: the caller guarantees that each of them is valid.
    let plugins = plugins.iter().map(|plugin| unsafe { plugin_facts(plugin) });
    Ok(RuntimeFacts { version, plugins: plugins.collect::<Result<_, _>>()? })
}

/// # Safety
/// The pointers are NULL or valid.
unsafe fn plugin_facts(plugin: &ovseal_plugin) -> Result<PluginFacts, Failure> {
    // SAFETY: the caller guarantees that the strings are valid.
    let device = unsafe { text(plugin.device, "a plugin's device") }?.to_owned();
    // SAFETY: as above.
    let name = unsafe { text(plugin.name, "a plugin's name") }?.to_owned();
    // SAFETY: as above.
    let build = unsafe { text(plugin.build, "a plugin's build") }?.to_owned();
    // SAFETY: the caller guarantees that the properties are valid.
    let properties = unsafe { texts(plugin.properties, plugin.property_count) }?;
    Ok(PluginFacts { device, name, build, properties })
}

/// Decrypts the compiled model, for `ov::Core::import_model`. Writes NULL to `mapping` if the model
/// is missing or not authentic.
///
/// Keep the mapping as long as any object of the imported model, because the runtime reads the
/// bytes in place.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_cache_slot_read(
    slot: Option<&ovseal_cache_slot>,
    mapping: Option<&mut MaybeUninit<*mut ovseal_mapping>>,
) -> *mut ovseal_error {
    run(|| {
        let (slot, out) = (slot.required("slot")?, mapping.required("mapping")?);
        match slot.0.read() {
            Some(mapping) => give(out, ovseal_mapping::new(mapping)),
            None => {
                out.write(ptr::null_mut());
            }
        }
        Ok(())
    })
}

/// Removes the compiled model, for example because the runtime rejected it.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_cache_slot_discard(slot: Option<&ovseal_cache_slot>) -> *mut ovseal_error {
    run(|| {
        slot.required("slot")?.0.discard();
        Ok(())
    })
}

/// Creates an anonymous file in memory, to which a compiled model can be exported. Close the
/// descriptor yourself.
///
/// Keep the model's weights in memory during the export, with `ovseal_mapping_populate`: the
/// runtime passes them to system calls.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_export_file(descriptor: Option<&mut MaybeUninit<c_int>>) -> *mut ovseal_error {
    run(|| {
        let out = descriptor.required("descriptor")?;
        out.write(ExportedModel::file()?.into_raw_fd());
        Ok(())
    })
}

/// Stores the contents of a file from `ovseal_export_file`, and zeroizes them there.
///
/// The descriptor stays yours, but the file can no longer be written.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_cache_slot_write(
    slot: Option<&ovseal_cache_slot>,
    descriptor: c_int,
) -> *mut ovseal_error {
    run(|| {
        let slot = slot.required("slot")?;
        if descriptor < 0 {
            return Err(bad_argument("the descriptor is negative"));
        }
        // SAFETY: the header requires an open descriptor, and it is not closed here.
        let file = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(descriptor) });
        let exported = ExportedModel::take(&file)?;
        slot.0.write(exported)?;
        Ok(())
    })
}

/// Frees a slot.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_cache_slot_free(slot: Option<Box<ovseal_cache_slot>>) {
    run_or((), || drop(slot));
}
