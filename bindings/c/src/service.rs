//! The caller's own key service.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use ovseal::{KeyService, Secret, ServiceError, WRAPPED_LIMIT};
use ovseal_bindings::Key;

use crate::error::{bad_argument, ovseal_error};
use crate::key::{make, ovseal_key};
use crate::text::Required;

/// The most bytes that a key service may make of a secret.
pub const OVSEAL_WRAPPED_LIMIT: usize = 8192;
/// The most bytes of a key service's message, with the zero byte at its end.
pub const OVSEAL_MESSAGE_LIMIT: usize = 256;
/// A key service has done what was asked.
pub const OVSEAL_SERVICE_DONE: c_int = 0;
/// A key service was asked to unwrap what another one has wrapped.
pub const OVSEAL_SERVICE_NOT_MINE: c_int = 1;

/// A key service of the caller's: a key management system, a vault, a card.
///
/// It sees a random secret of 32 bytes for each container, never the data key, and nothing of the container. The functions are called
/// from the thread that opens, seals or rekeys. They must return: no exception and no `longjmp` may leave them.
///
/// Each answers `OVSEAL_SERVICE_DONE`, or another number when it failed, and may write a text with a zero byte at its end to
/// `message`, which has `OVSEAL_MESSAGE_LIMIT` bytes and becomes a cause of the error.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_key_service {
    /// `sizeof(ovseal_key_service)`: a later version may add members.
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
}

/// Takes a key that a service of the caller's holds.
///
/// On success the library owns `service->context`, until it calls `service->release`.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_key_from_service(
    service: Option<&ovseal_key_service>,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    make(key, || {
        let service = service.required("service")?;
        if service.size < size_of::<ovseal_key_service>() {
            return Err(bad_argument("the size of the key service is not sizeof(ovseal_key_service)"));
        }
        if service.wrap.is_none() || service.unwrap.is_none() {
            return Err(bad_argument("a function of the key service is NULL"));
        }
        Ok(Key::service(Arc::new(Service(*service))))
    })
}

struct Service(ovseal_key_service);

// SAFETY: the header says that the functions are called from the thread that opens, seals or rekeys, which may be any.
unsafe impl Send for Service {}
// SAFETY: likewise; they may be called at the same time if the caller opens from several threads.
unsafe impl Sync for Service {}

impl KeyService for Service {
    fn wrap(&self, secret: &[u8; 32]) -> Result<Vec<u8>, ServiceError> {
        let wrap = self.0.wrap.ok_or("the function is NULL")?;
        let (mut wrapped, mut length, mut message) = (vec![0; WRAPPED_LIMIT], 0, Message::default());
        // SAFETY: the pointers are valid for what the header says that the function reads and writes.
        let answer = unsafe {
            wrap(self.0.context, secret.as_ptr(), wrapped.as_mut_ptr(), &raw mut length, message.place())
        };
        if answer != OVSEAL_SERVICE_DONE {
            return Err(message.error(answer));
        }
        // The library refuses what is empty or too long, and says so.
        wrapped.resize(length.min(WRAPPED_LIMIT + 1), 0);
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Option<Secret<32>>, ServiceError> {
        let unwrap = self.0.unwrap.ok_or("the function is NULL")?;
        let (mut secret, mut message) = (Secret::<32>::zeroed(), Message::default());
        let place = secret.expose_mut().as_mut_ptr();
        // SAFETY: the pointers are valid for what the header says that the function reads and writes.
        let answer =
            unsafe { unwrap(self.0.context, wrapped.as_ptr(), wrapped.len(), place, message.place()) };
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
