//! Bytes that the library hands out: keys to be stored.

use std::ptr;

use ovseal_frontend::Failure;
use ovseal_memory::SecretBytes;

use crate::error::run_or;

/// Bytes that are locked into memory, and zeroized by `ovseal_secret_free`.
pub struct ovseal_secret(SecretBytes);

impl ovseal_secret {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, Failure> {
        Ok(Self(SecretBytes::from_slice(bytes)?))
    }
}

/// The bytes, without a zero byte at the end; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_secret_data(secret: Option<&ovseal_secret>) -> *const u8 {
    run_or(ptr::null(), || secret.map_or(ptr::null(), |secret| secret.0.expose().as_ptr()))
}

/// How many bytes there are.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_secret_length(secret: Option<&ovseal_secret>) -> usize {
    run_or(0, || secret.map_or(0, |secret| secret.0.expose().len()))
}

/// Zeroizes and frees the bytes; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_secret_free(secret: Option<Box<ovseal_secret>>) {
    drop(secret);
}
