//! A network of a container, for an OpenVINO that the caller drives.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::sync::Arc;

use ovseal::{PartMapping, UnverifiedMapping};
use ovseal_frontend::{Code, Failure};
use ovseal_openvino::{Decrypted, Environment, NetworkError, Opening, writes_model};

use crate::error::{bad_argument, ovseal_error, run, run_or};
use crate::key::nothing;
use crate::mapping::ovseal_mapping;
use crate::opened::ovseal_opened;
use crate::text::{Required, give, items, optional_text, text};

/// A network of an opened container in memory: the topology decrypted, the weights decrypted or on the way. Free it with
/// `ovseal_network_free`.
///
/// The order is: read the topology into the runtime, with the weights; reshape and compile; `ovseal_network_verify`; and only then
/// hand the result out. `ovseal/openvino.hpp` does that.
pub struct ovseal_network {
    /// Until the topology is forgotten.
    decrypted: Option<Decrypted>,
    unverified: Vec<UnverifiedMapping>,
    /// Another hold on the weights, for the runtime.
    owners: Vec<Arc<PartMapping>>,
    is_copied: bool,
    is_overlapped: bool,
    is_locked: bool,
    /// Why the weights are not authentic, once that is known.
    failure: Option<Failure>,
}

/// Overlapped for the device `CPU`, eager for every other one.
pub const OVSEAL_OPENING_AUTO: u32 = 0;
/// Everything is decrypted before the runtime gets it.
pub const OVSEAL_OPENING_EAGER: u32 = 1;
/// The runtime begins at once, and waits for a chunk when it touches one that is not decrypted yet.
pub const OVSEAL_OPENING_OVERLAPPED: u32 = 2;

/// A property for the runtime, in two texts.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_property {
    /// Its name.
    pub name: *const c_char,
    /// Its value.
    pub value: *const c_char,
}

/// Refuses to go on where OpenVINO would write the decrypted model to a disk: because of a property that names a folder of its own cache,
/// or of an environment variable. Pass `CACHE_DIR` as "" to every compilation besides, since another call may have set it for all.
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
        // SAFETY: the header demands so many properties.
        for (name, value) in unsafe { texts(properties, count) }? {
            if writes_model(&name, &value) {
                return Err(NetworkError::WritesModel { name }.into());
            }
        }
        Ok(())
    })
}

/// Decrypts the network at `part`, or with NULL the only network of the container, for `device`.
///
/// `opening` is one of `OVSEAL_OPENING_*`. An overlapped one returns when the topology is decrypted, and the weights go on by
/// themselves. Where the host gives no `userfaultfd`, every opening is eager.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_network_decrypt(
    opened: Option<&ovseal_opened>,
    part: *const c_char,
    device: *const c_char,
    opening: u32,
    network: Option<&mut MaybeUninit<*mut ovseal_network>>,
) -> *mut ovseal_error {
    run(|| {
        let (opened, out) = (opened.required("opened")?, network.required("network")?);
        // SAFETY: the header demands a text or NULL.
        let part = unsafe { optional_text(part, "part") }?;
        // SAFETY: the header demands a text.
        let device = unsafe { text(device, "device") }?;
        let opening = match opening {
            OVSEAL_OPENING_AUTO => Opening::Auto,
            OVSEAL_OPENING_EAGER => Opening::Eager,
            OVSEAL_OPENING_OVERLAPPED => Opening::Overlapped,
            _ => return Err(bad_argument("the opening is none of OVSEAL_OPENING_*")),
        };
        give(out, ovseal_network::new(Decrypted::read(&opened.opened, part, device, opening)?));
        Ok(())
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

/// What the runtime's parser reads: bytes without a zero byte at the end. NULL when it was forgotten, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_topology(network: Option<&ovseal_network>) -> *const u8 {
    topology(network).map_or(std::ptr::null(), <[u8]>::as_ptr)
}

/// How many bytes the topology has; 0 when it was forgotten, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_topology_length(network: Option<&ovseal_network>) -> usize {
    topology(network).map_or(0, <[u8]>::len)
}

/// How many pieces of memory hold the weights. Unless they are copied it is one at most.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_weights_count(network: Option<&ovseal_network>) -> usize {
    network.map_or(0, |network| network.owners.len())
}

/// A hold on a piece of the weights, with a number from 0. The bytes must decide nothing before `ovseal_network_verify` has succeeded:
/// what is not authentic reads as zeros.
///
/// The runtime reads small constants in place for as long as anything of the model lives: so long must the mapping.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_hazmat_weights(
    network: Option<&ovseal_network>,
    number: usize,
    mapping: Option<&mut MaybeUninit<*mut ovseal_mapping>>,
) -> *mut ovseal_error {
    run(|| {
        let (network, out) = (network.required("network")?, mapping.required("mapping")?);
        let owner = network.owners.get(number);
        let missing = || Failure::new(Code::Usage, format!("the network has no weights {number}"));
        give(out, ovseal_mapping(owner.ok_or_else(missing)?.clone()));
        Ok(())
    })
}

/// Whether the runtime copies the weights while it reads the topology, which then has addresses of the weights in it (ONNX). It gets
/// no weights beside it, and may be compiled only when `ovseal_network_verify` has succeeded.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_is_copied(network: Option<&ovseal_network>) -> bool {
    network.is_some_and(|network| network.is_copied)
}

/// Whether weights are decrypted while the runtime reads them.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_is_overlapped(network: Option<&ovseal_network>) -> bool {
    network.is_some_and(|network| network.is_overlapped)
}

/// Whether all of it is locked into memory, so that it cannot be swapped to a disk.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_is_locked(network: Option<&ovseal_network>) -> bool {
    network.is_some_and(|network| network.is_locked)
}

/// Zeroizes the topology. Call it when the runtime has read it; whatever was read lives on.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_forget_topology(network: Option<&mut ovseal_network>) {
    run_or((), || {
        if let Some(network) = network {
            network.forget_topology();
        }
    });
}

/// Waits until every chunk of the weights was found authentic, and forgets the topology. What was made of the network must be thrown
/// away when this fails. Another call tells the same.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_verify(network: Option<&mut ovseal_network>) -> *mut ovseal_error {
    run(|| network.required("network")?.verify())
}

/// Frees a network; NULL is allowed. Mappings of its weights live on.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_network_free(network: Option<Box<ovseal_network>>) {
    run_or((), || drop(network));
}

fn topology(network: Option<&ovseal_network>) -> Option<&[u8]> {
    network.and_then(|network| network.decrypted.as_ref()).map(Decrypted::topology)
}

/// Names and values of properties.
///
/// # Safety
/// `properties` is NULL, or points at `count` properties with texts.
pub(crate) unsafe fn texts(
    properties: *const ovseal_property,
    count: usize,
) -> Result<Vec<(String, String)>, Failure> {
    // SAFETY: the caller vouches for it.
    let properties = unsafe { items(properties, count, "properties") }?;
    let pair = |property: &ovseal_property| {
        // SAFETY: the caller vouches for it.
        let name = unsafe { text(property.name, "a property's name") }?;
        // SAFETY: likewise.
        let value = unsafe { text(property.value, "a property's value") }?;
        Ok((name.to_owned(), value.to_owned()))
    };
    properties.iter().map(pair).collect()
}

/// NULL, which is what there is instead of a mapping.
pub(crate) const NO_MAPPING: *mut ovseal_mapping = nothing();
