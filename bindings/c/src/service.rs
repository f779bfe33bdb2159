//! The caller's key services.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::sync::Arc;

use ovseal::{KeyService, Secret, ServiceContext, ServiceError, WRAPPED_LIMIT};
use ovseal_frontend::Key;

use crate::error::ovseal_error;
use crate::key::{make, ovseal_key};
use crate::text::bad_argument;
use crate::versioned::{self, Versioned};

/// The maximum length of a wrapped secret, in bytes.
pub const OVSEAL_WRAPPED_LIMIT: usize = 8192;
/// The maximum length of a key service's message in bytes, including the zero byte at its end.
pub const OVSEAL_MESSAGE_LIMIT: usize = 256;
/// The key service succeeded.
pub const OVSEAL_SERVICE_DONE: c_int = 0;
/// The answer to a request to unwrap a secret that another service wrapped.
pub const OVSEAL_SERVICE_NOT_MINE: c_int = 1;

/// The container for which a key service wraps or unwraps, so that the service can authorize and
/// log the request.
///
/// When a container is opened, both ids come from the container. The model id is authentic only if
/// a publisher was specified. Bind the two ids, 64 bytes, as associated data: then a wrapped secret
/// that was moved to another container is rejected.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_service_context {
    /// `sizeof(ovseal_service_context)`. A later version may add members.
    pub size: usize,
    /// The random id of the container, different for each sealing.
    pub container_id: [u8; 32],
    /// The id of the model, the same for all its versions.
    pub model_id: [u8; 32],
}

impl From<&ServiceContext> for ovseal_service_context {
    fn from(context: &ServiceContext) -> Self {
        let (container_id, model_id) = (*context.container_id.as_bytes(), *context.model_id.as_bytes());
        Self { size: size_of::<Self>(), container_id, model_id }
    }
}

/// Your own key service: a key management system, a vault, a card. Start from
/// `OVSEAL_KEY_SERVICE_INIT`.
///
/// The service handles a random 32-byte secret for each container, never the data key. The only
/// facts it learns about the container are the two ids in `ovseal_service_context`. Set `wrap_for`
/// and `unwrap_for`, or else `wrap` and `unwrap`, which do not receive the ids.
///
/// The functions are called from the thread that opens, seals or rekeys. They must return normally:
/// no exception and no `longjmp` may leave them. Each returns `OVSEAL_SERVICE_DONE`, or another
/// number if it failed. In that case, it may write a string that ends with a zero byte to
/// `message`, which has room for `OVSEAL_MESSAGE_LIMIT` bytes. The string becomes a cause of the
/// error.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_key_service {
    /// `sizeof(ovseal_key_service)`.
    pub size: usize,
    /// Passed to the functions.
    pub context: *mut c_void,
    /// Wraps the 32 bytes of `secret`. Writes 1 to `OVSEAL_WRAPPED_LIMIT` bytes to `wrapped` and
    /// their number to `length`. They are stored unencrypted in the container.
    pub wrap: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            secret: *const u8,
            wrapped: *mut u8,
            length: *mut usize,
            message: *mut c_char,
        ) -> c_int,
    >,
    /// Unwraps the secret, and writes its 32 bytes to `secret`.
    ///
    /// `wrapped` comes from the container and can be any bytes. Return `OVSEAL_SERVICE_NOT_MINE` if
    /// another service wrapped it.
    pub unwrap: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            wrapped: *const u8,
            length: usize,
            secret: *mut u8,
            message: *mut c_char,
        ) -> c_int,
    >,
    /// Called once, when the service is no longer used; may be NULL.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Wraps as `wrap` does, and receives the container's ids. If not NULL, called instead of
    /// `wrap`.
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
    /// Unwraps as `unwrap` does, and receives the container's ids. If not NULL, called instead of
    /// `unwrap`.
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

// SAFETY: `repr(C)`, the size comes first, every member is one word, and zeros are NULL.
unsafe impl Versioned for ovseal_key_service {
    const FIRST: usize = offset_of!(Self, wrap_for);
}

/// Creates a key held by your own key service.
///
/// On success, the library takes over `service->context` until it calls `service->release`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_from_service(
    service: *const ovseal_key_service,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    make(key, || {
        // SAFETY: the header requires as many bytes as the size says.
        let service = unsafe { versioned::read(service, "service") }?;
        let wraps = service.wrap.is_some() || service.wrap_for.is_some();
        if !wraps || (service.unwrap.is_none() && service.unwrap_for.is_none()) {
            return Err(bad_argument("a function of the key service is NULL"));
        }
        Ok(Key::service(Arc::new(Service(service))))
    })
}

struct Service(ovseal_key_service);

// SAFETY: the header says that the functions are called from the thread that opens, seals or
// rekeys, which can be any thread.
unsafe impl Send for Service {}
// SAFETY: as above. Several threads of the caller may open at the same time.
unsafe impl Sync for Service {}

impl KeyService for Service {
    fn wrap(&self, secret: &[u8; 32], context: &ServiceContext) -> Result<Vec<u8>, ServiceError> {
        let (mut wrapped, mut length, mut message) = (vec![0; WRAPPED_LIMIT], 0, Message::default());
        let (secret, place) = (secret.as_ptr(), wrapped.as_mut_ptr());
        let answer = match (self.0.wrap_for, self.0.wrap) {
            (Some(wrap), _) => {
                let container = ovseal_service_context::from(context);
                // SAFETY: each pointer has room for what the function may read and write.
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
        // `ovseal` rejects a wrapped secret that is empty or too long.
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
                // SAFETY: each pointer has room for what the function may read and write.
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
            // SAFETY: nothing uses the service any more, and this is the only release.
            unsafe { release(self.0.context) };
        }
    }
}

/// The buffer for a service's message.
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
            return format!("the key service returned {answer}").into();
        }
        text.into_owned().into()
    }
}

const _: () = assert!(OVSEAL_WRAPPED_LIMIT == WRAPPED_LIMIT);
