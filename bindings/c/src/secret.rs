//! Private keys that the library creates, for the caller to store.

use std::ptr;

use ovseal_frontend::Failure;
use ovseal_memory::SecretBytes;

use crate::error::run_or;

/// Secret bytes in locked memory. `ovseal_secret_free` zeroizes them.
pub struct ovseal_secret(SecretBytes);

impl ovseal_secret {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, Failure> {
        Ok(Self(SecretBytes::from_slice(bytes)?))
    }
}

/// Returns the bytes, which do not end with a zero byte; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_secret_data(secret: Option<&ovseal_secret>) -> *const u8 {
    run_or(ptr::null(), || secret.map_or(ptr::null(), |secret| secret.0.expose().as_ptr()))
}

/// Returns the number of bytes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_secret_length(secret: Option<&ovseal_secret>) -> usize {
    run_or(0, || secret.map_or(0, |secret| secret.0.expose().len()))
}

/// Zeroizes and frees the bytes.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_secret_free(secret: Option<Box<ovseal_secret>>) {
    drop(secret);
}
