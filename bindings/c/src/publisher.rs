//! Publishers, who sign containers.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::sync::Arc;

use ovseal::{KeyError, Publisher, PublisherKey};

use crate::error::{create, ovseal_error};
use crate::secret::ovseal_secret;
use crate::text::{Required, c_string, path, pointer, text};

/// A publisher's public key. Free it with `ovseal_publisher_free`.
pub struct ovseal_publisher {
    pub(crate) publisher: Publisher,
    id: CString,
    pem: CString,
}

/// A publisher's private key. Free it with `ovseal_publisher_key_free`.
pub struct ovseal_publisher_key(pub(crate) Arc<PublisherKey>);

impl From<Publisher> for ovseal_publisher {
    fn from(publisher: Publisher) -> Self {
        let (id, pem) = (c_string(publisher.id()), c_string(publisher.encode()));
        Self { publisher, id, pem }
    }
}

/// Parses a public key in PEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_publisher_parse(
    pem: *const c_char,
    publisher: Option<&mut MaybeUninit<*mut ovseal_publisher>>,
) -> *mut ovseal_error {
    create(publisher, "publisher", || {
        // SAFETY: the header requires a string.
        let pem = unsafe { text(pem, "pem") }?;
        Ok(Publisher::parse(pem)?.into())
    })
}

/// Reads the public key, in PEM, in the file at `file`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_publisher_parse_at(
    file: *const c_char,
    publisher: Option<&mut MaybeUninit<*mut ovseal_publisher>>,
) -> *mut ovseal_error {
    create(publisher, "publisher", || {
        // SAFETY: the header requires a string.
        let (bytes, _) = ovseal_frontend::read(unsafe { path(file, "file") }?, LIMIT)?;
        let pem = std::str::from_utf8(bytes.expose()).map_err(|_| KeyError::PublisherPublic)?;
        Ok(Publisher::parse(pem)?.into())
    })
}

/// Returns the key's id, 64 hexadecimal digits, as `ovseal inspect` shows it; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_id(publisher: Option<&ovseal_publisher>) -> *const c_char {
    pointer(publisher.map(|publisher| &publisher.id))
}

/// Returns the public key in PEM; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_pem(publisher: Option<&ovseal_publisher>) -> *const c_char {
    pointer(publisher.map(|publisher| &publisher.pem))
}

/// Frees a public key.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_free(publisher: Option<Box<ovseal_publisher>>) {
    drop(publisher);
}

/// Generates a private key.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_key_generate(
    key: Option<&mut MaybeUninit<*mut ovseal_publisher_key>>,
) -> *mut ovseal_error {
    create(key, "key", || Ok(ovseal_publisher_key(Arc::new(PublisherKey::generate()?))))
}

/// Parses a private key in PEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_publisher_key_parse(
    pem: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_publisher_key>>,
) -> *mut ovseal_error {
    create(key, "key", || {
        // SAFETY: the header requires a string.
        let pem = unsafe { text(pem, "pem") }?;
        Ok(ovseal_publisher_key(Arc::new(PublisherKey::parse(pem)?)))
    })
}

/// Encodes a private key in PEM, for you to store.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_key_encode(
    key: Option<&ovseal_publisher_key>,
    pem: Option<&mut MaybeUninit<*mut ovseal_secret>>,
) -> *mut ovseal_error {
    create(pem, "pem", || ovseal_secret::new(key.required("key")?.0.encode().expose()))
}

/// Returns the public key that belongs to a private key.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_key_public(
    key: Option<&ovseal_publisher_key>,
    publisher: Option<&mut MaybeUninit<*mut ovseal_publisher>>,
) -> *mut ovseal_error {
    create(publisher, "publisher", || Ok(key.required("key")?.0.publisher().clone().into()))
}

/// Frees a private key.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_key_free(key: Option<Box<ovseal_publisher_key>>) {
    drop(key);
}

/// An upper bound for the file of a public key, in bytes.
const LIMIT: usize = 64 << 10;
