//! Networks of a container, for callers with their own OpenVINO.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::sync::Arc;

use ovseal::{PartMapping, UnverifiedMapping};
use ovseal_frontend::{Code, Failure};
use ovseal_openvino::{Decrypted, Environment, NetworkError, Opening, writes_model};

use crate::error::{create, ovseal_error, run, run_or};
use crate::mapping::ovseal_mapping;
use crate::opened::ovseal_opened;
use crate::text::{Required, bad_argument, list, optional_text, text};

/// A network of an opened container, in memory. Free it with `ovseal_network_free`.
///
/// The topology is decrypted. The weights may still be being decrypted. Read both into the runtime,
/// reshape and compile. Then call `ovseal_network_verify`, and use the result only if that
/// succeeds. `ovseal/openvino.hpp` does this for you.
pub struct ovseal_network {
    /// `Some` until the topology is forgotten.
    decrypted: Option<Decrypted>,
    unverified: Vec<UnverifiedMapping>,
    /// Further handles to the weights, for the runtime.
    owners: Vec<Arc<PartMapping>>,
    is_copied: bool,
    is_overlapped: bool,
    is_locked: bool,
    /// Set when the weights turn out not to be authentic.
    failure: Option<Failure>,
}

/// Overlapped for the device `CPU`, eager for others.
pub const OVSEAL_OPENING_AUTO: u32 = 0;
/// Decrypts everything before the runtime reads it.
pub const OVSEAL_OPENING_EAGER: u32 = 1;
/// Lets the runtime start at once. The runtime waits when it accesses a chunk that is not decrypted
/// yet.
pub const OVSEAL_OPENING_OVERLAPPED: u32 = 2;

/// A property for the runtime. This struct never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_property {
    /// The name.
    pub name: *const c_char,
    /// The value, as a string.
    pub value: *const c_char,
}

/// Fails if OpenVINO would write the decrypted model to disk, because of a property or an
/// environment variable.
///
/// Such a property sets a directory for OpenVINO's own cache. Also pass `CACHE_DIR` as "" to every
/// compilation, because another call may have set it for all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_check_runtime(
    properties: *const ovseal_property,
    count: usize,
) -> *mut ovseal_error {
    run(|| {
        if let Some(name) = Environment::from_process().variables_that_write_models().first() {
            let message = format!("OpenVINO would write the model to disk, because {name} is set");
            return Err(Failure::new(Code::WritesModel, message));
        }
        // SAFETY: the header requires that many properties.
        for (name, value) in unsafe { texts(properties, count) }? {
            if writes_model(&name, &value) {
                return Err(NetworkError::WritesModel { name }.into());
            }
        }
        Ok(())
    })
}

/// Decrypts the network at `part`, or the container's only one if `part` is NULL, for `device`.
///
/// `opening` is one of `OVSEAL_OPENING_*`. An overlapped opening returns after the topology has
/// been decrypted, and threads of the library go on with the weights. Without `userfaultfd`, every
/// opening is eager.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_network_decrypt(
    opened: Option<&ovseal_opened>,
    part: *const c_char,
    device: *const c_char,
    opening: u32,
    network: Option<&mut MaybeUninit<*mut ovseal_network>>,
) -> *mut ovseal_error {
    create(network, "network", || {
        let opened = opened.required("opened")?;
        // SAFETY: the header requires a string or NULL.
        let part = unsafe { optional_text(part, "part") }?;
        // SAFETY: the header requires a string.
        let device = unsafe { text(device, "device") }?;
        let opening = match opening {
            OVSEAL_OPENING_AUTO => Opening::Auto,
            OVSEAL_OPENING_EAGER => Opening::Eager,
            OVSEAL_OPENING_OVERLAPPED => Opening::Overlapped,
            _ => return Err(bad_argument("the opening is none of OVSEAL_OPENING_*")),
        };
        Ok(ovseal_network::new(Decrypted::read(&opened.opened, part, device, opening)?))
    })
}

impl ovseal_network {
    fn new(decrypted: Decrypted) -> Self {
        let owners = decrypted.hazmat_weights().iter().map(UnverifiedMapping::hazmat_owner);
        Self {
            owners: owners.map(Arc::new).collect(),
            is_copied: decrypted.is_copied(),
            is_overlapped: decrypted.is_overlapped(),
            is_locked: decrypted.is_locked(),
            decrypted: Some(decrypted),
            unverified: Vec::new(),
            failure: None,
        }
    }

    fn verify(&mut self) -> Result<(), Failure> {
        self.forget_topology();
        let verified = std::mem::take(&mut self.unverified).into_iter().map(UnverifiedMapping::verify);
        if let Err(error) = verified.collect::<Result<Vec<_>, _>>() {
            self.failure = Some(error.into());
        }
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn forget_topology(&mut self) {
        if let Some(decrypted) = self.decrypted.take() {
            self.unverified = decrypted.into_weights();
        }
    }
}

/// Returns the topology, for the runtime's parser. It does not end with a zero byte. NULL after it
/// was forgotten.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_topology(network: Option<&ovseal_network>) -> *const u8 {
    topology(network).map_or(std::ptr::null(), <[u8]>::as_ptr)
}

/// Returns the length of the topology in bytes; 0 after it was forgotten.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_topology_length(network: Option<&ovseal_network>) -> usize {
    topology(network).map_or(0, <[u8]>::len)
}

/// Returns the number of mappings that hold the weights: at most one, unless the runtime copies
/// them.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_weights_count(network: Option<&ovseal_network>) -> usize {
    network.map_or(0, |network| network.owners.len())
}

/// Returns mapping `number` of the weights, counted from 0.
///
/// Nothing may depend on the bytes before `ovseal_network_verify` has succeeded: bytes that are not
/// authentic read as zeros. Keep the mapping as long as any object of the model, because the
/// runtime reads small constants in place.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_hazmat_weights(
    network: Option<&ovseal_network>,
    number: usize,
    mapping: Option<&mut MaybeUninit<*mut ovseal_mapping>>,
) -> *mut ovseal_error {
    create(mapping, "mapping", || {
        let network = network.required("network")?;
        let owner = network.owners.get(number);
        let missing = || Failure::new(Code::Usage, format!("the network has no weights {number}"));
        Ok(ovseal_mapping(owner.ok_or_else(missing)?.clone()))
    })
}

/// Returns whether the runtime copies the weights while it reads the topology, as for ONNX.
///
/// Such a topology contains the addresses of the weights: pass no weights with it. Compile the
/// model only after `ovseal_network_verify` has succeeded.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_is_copied(network: Option<&ovseal_network>) -> bool {
    network.is_some_and(|network| network.is_copied)
}

/// Returns whether the weights are decrypted while the runtime reads them.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_is_overlapped(network: Option<&ovseal_network>) -> bool {
    network.is_some_and(|network| network.is_overlapped)
}

/// Returns whether all of the network is in locked memory, and so never swapped to disk.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_is_locked(network: Option<&ovseal_network>) -> bool {
    network.is_some_and(|network| network.is_locked)
}

/// Zeroizes the topology. Call this after the runtime has read it.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_forget_topology(network: Option<&mut ovseal_network>) {
    run_or((), || {
        if let Some(network) = network {
            network.forget_topology();
        }
    });
}

/// Waits until every chunk of the weights has been authenticated, and forgets the topology.
///
/// If this fails, discard everything made from the network. Further calls return the same result.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_verify(network: Option<&mut ovseal_network>) -> *mut ovseal_error {
    run(|| network.required("network")?.verify())
}

/// Frees a network. Mappings of its weights stay valid.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_free(network: Option<Box<ovseal_network>>) {
    run_or((), || drop(network));
}

fn topology(network: Option<&ovseal_network>) -> Option<&[u8]> {
    network.and_then(|network| network.decrypted.as_ref()).map(Decrypted::topology)
}

/// Copies the names and values of properties.
///
/// # Safety
/// `properties` is NULL, or points to `count` properties with strings.
pub(crate) unsafe fn texts(
    properties: *const ovseal_property,
    count: usize,
) -> Result<Vec<(String, String)>, Failure> {
    // SAFETY: the caller guarantees what this call requires.
    let properties = unsafe { list(properties, count, "properties") }?;
    let pair = |property: &ovseal_property| {
        // SAFETY: the caller guarantees what this call requires.
        let name = unsafe { text(property.name, "a property's name") }?;
        // SAFETY: as above.
        let value = unsafe { text(property.value, "a property's value") }?;
        Ok((name.to_owned(), value.to_owned()))
    };
    properties.iter().map(pair).collect()
}
