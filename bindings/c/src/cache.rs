//! Compiled models that are kept, sealed, from one start to the next.

use std::ffi::{CString, c_char, c_int};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::sync::LazyLock;

use ovseal_frontend::{Code, Failure, device_secret};
use ovseal_openvino::{CacheSlot, Compilation, CompileCache, ExportedModel, PluginFacts, RuntimeFacts};

use crate::error::{bad_argument, ovseal_error, run, run_or};
use crate::mapping::ovseal_mapping;
use crate::network::{NO_MAPPING, ovseal_property, texts};
use crate::opened::ovseal_opened;
use crate::text::{Required, c_string, give, optional_path, optional_text, path, pointer, text};

/// A folder with compiled models, each in a container of its own. Free it with `ovseal_cache_free`.
pub struct ovseal_cache(CompileCache);

/// What a runtime says of itself and of the plugins of a device. Free it with `ovseal_runtime_facts_free`.
pub struct ovseal_runtime_facts(RuntimeFacts);

/// The place of one compiled model in a cache. Free it with `ovseal_cache_slot_free`.
pub struct ovseal_cache_slot(CacheSlot);

/// Uses the folder at `folder`, which is made with mode 0700 if it is not there.
///
/// `secret` is the file with the secret of this device, which is made with mode 0600 if it is not there; NULL for `device.secret`
/// beside the device's other files. It must not stand in the cache. `limit` is how many bytes all entries together may have; 0 for no
/// limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_cache_open(
    folder: *const c_char,
    secret: *const c_char,
    limit: u64,
    cache: Option<&mut MaybeUninit<*mut ovseal_cache>>,
) -> *mut ovseal_error {
    run(|| {
        let out = cache.required("cache")?;
        // SAFETY: the header demands a text.
        let folder = unsafe { path(folder, "folder") }?;
        // SAFETY: the header demands a text or NULL.
        let secret = device_secret(folder, unsafe { optional_path(secret) })?;
        let cache = CompileCache::open(folder, secret)?;
        give(out, ovseal_cache(if limit > 0 { cache.limit(limit) } else { cache }));
        Ok(())
    })
}

/// Frees a cache; NULL is allowed. Slots live on.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_cache_free(cache: Option<Box<ovseal_cache>>) {
    drop(cache);
}

/// Takes the runtime's version and build, such as `ov::get_openvino_version().buildNumber`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_runtime_facts_new(
    version: *const c_char,
    facts: Option<&mut MaybeUninit<*mut ovseal_runtime_facts>>,
) -> *mut ovseal_error {
    run(|| {
        let out = facts.required("facts")?;
        // SAFETY: the header demands a text.
        let version = unsafe { text(version, "version") }?.to_owned();
        give(out, ovseal_runtime_facts(RuntimeFacts { version, plugins: Vec::new() }));
        Ok(())
    })
}

/// Adds a plugin that serves the device: the device of its own, such as `CPU`, the plugin's name, such as `openvino_intel_cpu_plugin`, and
/// its version and build.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_runtime_facts_add_plugin(
    facts: Option<&mut ovseal_runtime_facts>,
    device: *const c_char,
    name: *const c_char,
    build: *const c_char,
) -> *mut ovseal_error {
    run(|| {
        let facts = facts.required("facts")?;
        // SAFETY: the header demands texts.
        let device = unsafe { text(device, "device") }?.to_owned();
        // SAFETY: likewise.
        let name = unsafe { text(name, "name") }?.to_owned();
        // SAFETY: likewise.
        let build = unsafe { text(build, "build") }?.to_owned();
        facts.0.plugins.push(PluginFacts { device, name, build, properties: Vec::new() });
        Ok(())
    })
}

/// The name of the property with this number, from 0, that a plugin is to be asked for; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_runtime_facts_wanted(number: usize) -> *const c_char {
    static WANTED: LazyLock<Vec<CString>> = LazyLock::new(|| PluginFacts::PROPERTIES.map(c_string).to_vec());
    pointer(WANTED.get(number))
}

/// Adds what the plugin that was added last says of a property, if it has it: of those that are wanted, and of each that can be set, since
/// a core may have other settings than another one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_runtime_facts_add_property(
    facts: Option<&mut ovseal_runtime_facts>,
    name: *const c_char,
    value: *const c_char,
) -> *mut ovseal_error {
    run(|| {
        let facts = facts.required("facts")?;
        // SAFETY: the header demands texts.
        let name = unsafe { text(name, "name") }?.to_owned();
        // SAFETY: likewise.
        let value = unsafe { text(value, "value") }?.to_owned();
        let plugin = facts.0.plugins.last_mut();
        let none = || Failure::new(Code::Usage, "no plugin was added before");
        plugin.ok_or_else(none)?.properties.push((name, value));
        Ok(())
    })
}

/// Frees facts; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_runtime_facts_free(facts: Option<Box<ovseal_runtime_facts>>) {
    drop(facts);
}

/// Finds the place for a network of an opened container, `part` or with NULL its only one, as it is compiled for `device` with
/// `count` properties. A network that was reshaped has no place here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_cache_find(
    cache: Option<&ovseal_cache>,
    facts: Option<&ovseal_runtime_facts>,
    opened: Option<&ovseal_opened>,
    part: *const c_char,
    device: *const c_char,
    properties: *const ovseal_property,
    count: usize,
    slot: Option<&mut MaybeUninit<*mut ovseal_cache_slot>>,
) -> *mut ovseal_error {
    run(|| {
        let (cache, facts) = (cache.required("cache")?, facts.required("facts")?);
        let (opened, out) = (opened.required("opened")?, slot.required("slot")?);
        // SAFETY: the header demands a text or NULL.
        let part = unsafe { optional_text(part, "part") }?.map(str::to_owned);
        // SAFETY: the header demands a text.
        let device = unsafe { text(device, "device") }?;
        // SAFETY: the header demands so many properties.
        let properties = unsafe { texts(properties, count) }?;
        let compilation = Compilation { part, properties, ..Compilation::on(device) };
        give(out, ovseal_cache_slot(cache.0.slot_for(&facts.0, &opened.opened, &compilation)?));
        Ok(())
    })
}

/// Decrypts the compiled model, for `ov::Core::import_model`. NULL is written to `mapping` when it is not there, or not authentic.
///
/// What is imported goes on reading the bytes: the mapping must live as long as anything of it.
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
                out.write(NO_MAPPING);
            }
        }
        Ok(())
    })
}

/// Removes the compiled model, because the runtime refused it.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_cache_slot_discard(slot: Option<&ovseal_cache_slot>) -> *mut ovseal_error {
    run(|| {
        slot.required("slot")?.0.discard();
        Ok(())
    })
}

/// Makes an anonymous file in memory to which a compiled model is exported. The caller closes the descriptor.
///
/// Populate the weights of the model meanwhile (`ovseal_mapping_populate`): the runtime hands their memory to the system.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_export_file(descriptor: Option<&mut MaybeUninit<c_int>>) -> *mut ovseal_error {
    run(|| {
        let out = descriptor.required("descriptor")?;
        out.write(ExportedModel::file()?.into_raw_fd());
        Ok(())
    })
}

/// Keeps what was written to a file of `ovseal_export_file`. The descriptor stays the caller's; nobody can write to the file any more,
/// and its bytes are zeroized.
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
        // SAFETY: the header demands an open descriptor, which is given back below.
        let file = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(descriptor) });
        let exported = ExportedModel::take(&file)?;
        slot.0.write(exported)?;
        Ok(())
    })
}

/// Frees a slot; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_cache_slot_free(slot: Option<Box<ovseal_cache_slot>>) {
    run_or((), || drop(slot));
}
