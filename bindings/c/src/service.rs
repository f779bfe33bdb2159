//! The caller's own key service.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use ovseal::{KeyService, Secret, ServiceContext, ServiceError, WRAPPED_LIMIT};
use ovseal_frontend::{Failure, Key};

use crate::error::{bad_argument, ovseal_error};
use crate::key::{make, ovseal_key};

/// The most bytes that a key service may make of a secret.
pub const OVSEAL_WRAPPED_LIMIT: usize = 8192;
/// The most bytes of a key service's message, with the zero byte at its end.
pub const OVSEAL_MESSAGE_LIMIT: usize = 256;
/// A key service has done what was asked.
pub const OVSEAL_SERVICE_DONE: c_int = 0;
/// A key service was asked to unwrap what another one has wrapped.
pub const OVSEAL_SERVICE_NOT_MINE: c_int = 1;

/// The container for which a key service wraps or unwraps, so that it can limit and log.
///
/// When a container is opened, both ids come from the container. The model id is authentic if a
/// publisher was named. Bind the 64 bytes of the two ids as associated data: then a wrapped secret
/// that was put into another container is refused.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_service_context {
    /// `sizeof(ovseal_service_context)`: a later version may add members.
    pub size: usize,
    /// The container's random name: another one for each sealing.
    pub container_id: [u8; 32],
    /// The id of the model: the same for all versions of a model.
    pub model_id: [u8; 32],
}

impl From<&ServiceContext> for ovseal_service_context {
    fn from(context: &ServiceContext) -> Self {
        let (container_id, model_id) = (*context.container_id.as_bytes(), *context.model_id.as_bytes());
        Self { size: size_of::<Self>(), container_id, model_id }
    }
}

/// A key service of the caller's: a key management system, a vault, a card.
///
/// It sees a random secret of 32 bytes for each container, never the data key, and nothing of the
/// container but the two ids of `ovseal_service_context`. The functions are called from the thread
/// that opens, seals or rekeys. They must return: no exception and no `longjmp` may leave them.
///
/// Each answers `OVSEAL_SERVICE_DONE`, or another number when it failed, and may write a text with a zero byte at its end to
/// `message`, which has `OVSEAL_MESSAGE_LIMIT` bytes and becomes a cause of the error.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_key_service {
    /// `sizeof(ovseal_key_service)`: a later version may add members. Programs that were compiled
    /// before `wrap_for` was added pass the size up to it.
    pub size: usize,
    /// What is passed to the functions.
    pub context: *mut c_void,
    /// Wraps the 32 bytes of `secret`. The result has 1 to `OVSEAL_WRAPPED_LIMIT` bytes, is written to `wrapped`, which has room for so
    /// many, and its length to `length`. It will be stored in clear.
    pub wrap: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            secret: *const u8,
            wrapped: *mut u8,
            length: *mut usize,
            message: *mut c_char,
        ) -> c_int,
    >,
    /// Unwraps, and writes 32 bytes to `secret`. What is to be unwrapped comes from the container, and may be anything:
    /// `OVSEAL_SERVICE_NOT_MINE` when another service has wrapped it.
    pub unwrap: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            wrapped: *const u8,
            length: usize,
            secret: *mut u8,
            message: *mut c_char,
        ) -> c_int,
    >,
    /// Called once, when nothing uses the service any more; may be NULL.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Called in place of `wrap`, unless it is NULL, and told for which container.
    pub wrap_for: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            container: *const ovseal_service_context,
            secret: *const u8,
            wrapped: *mut u8,
            length: *mut usize,
            message: *mut c_char,
        ) -> c_int,
    >,
    /// Called in place of `unwrap`, unless it is NULL, and told for which container.
    pub unwrap_for: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            container: *const ovseal_service_context,
            wrapped: *const u8,
            length: usize,
            secret: *mut u8,
            message: *mut c_char,
        ) -> c_int,
    >,
}

/// The members up to the first one that was added.
#[repr(C)]
#[derive(Clone, Copy)]
struct FirstMembers {
    size: usize,
    context: *mut c_void,
    wrap: Wrap,
    unwrap: Unwrap,
    release: Option<unsafe extern "C" fn(*mut c_void)>,
}

type Wrap = Option<unsafe extern "C" fn(*mut c_void, *const u8, *mut u8, *mut usize, *mut c_char) -> c_int>;
type Unwrap = Option<unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut u8, *mut c_char) -> c_int>;

impl From<FirstMembers> for ovseal_key_service {
    fn from(first: FirstMembers) -> Self {
        let FirstMembers { size, context, wrap, unwrap, release } = first;
        Self { size, context, wrap, unwrap, release, wrap_for: None, unwrap_for: None }
    }
}

/// Takes a key that a service of the caller's holds.
///
/// On success the library owns `service->context`, until it calls `service->release`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_from_service(
    service: *const ovseal_key_service,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    make(key, || {
        // SAFETY: the header demands as many bytes as `size` says.
        let service = unsafe { read(service) }?;
        let wraps = service.wrap.is_some() || service.wrap_for.is_some();
        if !wraps || (service.unwrap.is_none() && service.unwrap_for.is_none()) {
            return Err(bad_argument("a function of the key service is NULL"));
        }
        Ok(Key::service(Arc::new(Service(service))))
    })
}

/// Reads the members of a service that its size says are there.
///
/// # Safety
/// `service` is NULL, or points to a size and to as many bytes.
unsafe fn read(service: *const ovseal_key_service) -> Result<ovseal_key_service, Failure> {
    if service.is_null() {
        return Err(bad_argument("service is NULL"));
    }
    // SAFETY: the size is the first member, and there in any case.
    let size = unsafe { service.cast::<usize>().read() };
    if size >= size_of::<ovseal_key_service>() {
        // SAFETY: there are at least so many bytes.
        Ok(unsafe { service.read() })
    } else if size == size_of::<FirstMembers>() {
        // SAFETY: there are so many bytes, and these members come first.
        Ok(unsafe { service.cast::<FirstMembers>().read() }.into())
    } else {
        Err(bad_argument("the size of the key service is not sizeof(ovseal_key_service)"))
    }
}

struct Service(ovseal_key_service);

// SAFETY: the header says that the functions are called from the thread that opens, seals or rekeys, which may be any.
unsafe impl Send for Service {}
// SAFETY: likewise; they may be called at the same time if the caller opens from several threads.
unsafe impl Sync for Service {}

impl KeyService for Service {
    fn wrap(&self, secret: &[u8; 32], context: &ServiceContext) -> Result<Vec<u8>, ServiceError> {
        let (mut wrapped, mut length, mut message) = (vec![0; WRAPPED_LIMIT], 0, Message::default());
        let (secret, place) = (secret.as_ptr(), wrapped.as_mut_ptr());
        let answer = match (self.0.wrap_for, self.0.wrap) {
            (Some(wrap), _) => {
                let container = ovseal_service_context::from(context);
                // SAFETY: the pointers are valid for what the header says that the function reads
                // and writes.
                unsafe {
                    wrap(
                        self.0.context,
                        &raw const container,
                        secret,
                        place,
                        &raw mut length,
                        message.place(),
                    )
                }
            }
            // SAFETY: as above.
            (None, Some(wrap)) => unsafe {
                wrap(self.0.context, secret, place, &raw mut length, message.place())
            },
            (None, None) => return Err("the function is NULL".into()),
        };
        if answer != OVSEAL_SERVICE_DONE {
            return Err(message.error(answer));
        }
        // The library refuses what is empty or too long, and says so.
        wrapped.resize(length.min(WRAPPED_LIMIT + 1), 0);
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8], context: &ServiceContext) -> Result<Option<Secret<32>>, ServiceError> {
        let (mut secret, mut message) = (Secret::<32>::zeroed(), Message::default());
        let place = secret.expose_mut().as_mut_ptr();
        let (bytes, length) = (wrapped.as_ptr(), wrapped.len());
        let answer = match (self.0.unwrap_for, self.0.unwrap) {
            (Some(unwrap), _) => {
                let container = ovseal_service_context::from(context);
                // SAFETY: the pointers are valid for what the header says that the function reads
                // and writes.
                unsafe { unwrap(self.0.context, &raw const container, bytes, length, place, message.place()) }
            }
            // SAFETY: as above.
            (None, Some(unwrap)) => unsafe { unwrap(self.0.context, bytes, length, place, message.place()) },
            (None, None) => return Err("the function is NULL".into()),
        };
        match answer {
            OVSEAL_SERVICE_DONE => Ok(Some(secret)),
            OVSEAL_SERVICE_NOT_MINE => Ok(None),
            answer => Err(message.error(answer)),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: nothing uses the service any more, and this happens once.
            unsafe { release(self.0.context) };
        }
    }
}

/// Where a service writes why it failed.
struct Message([c_char; OVSEAL_MESSAGE_LIMIT]);

impl Default for Message {
    fn default() -> Self {
        Self([0; OVSEAL_MESSAGE_LIMIT])
    }
}

impl Message {
    fn place(&mut self) -> *mut c_char {
        self.0.as_mut_ptr()
    }

    fn error(mut self, answer: c_int) -> ServiceError {
        self.0[OVSEAL_MESSAGE_LIMIT - 1] = 0;
        // SAFETY: the array ends with a zero byte.
        let text = unsafe { CStr::from_ptr(self.0.as_ptr()) }.to_string_lossy();
        if text.is_empty() {
            return format!("the key service answered {answer}").into();
        }
        text.into_owned().into()
    }
}

const _: () = assert!(OVSEAL_WRAPPED_LIMIT == WRAPPED_LIMIT);
const _: () = assert!(size_of::<FirstMembers>() == std::mem::offset_of!(ovseal_key_service, wrap_for));
