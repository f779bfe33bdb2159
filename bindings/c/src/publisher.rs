//! Publishers: who signs, and whom a device trusts.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::sync::Arc;

use ovseal::{KeyError, Publisher, PublisherKey};

use crate::error::{ovseal_error, run};
use crate::secret::ovseal_secret;
use crate::text::{Required, c_string, give, path, pointer, text};

/// The public key of a publisher. Free it with `ovseal_publisher_free`.
pub struct ovseal_publisher {
    pub(crate) publisher: Publisher,
    id: CString,
    pem: CString,
}

/// The private key of a publisher. Free it with `ovseal_publisher_key_free`.
pub struct ovseal_publisher_key(pub(crate) Arc<PublisherKey>);

impl From<Publisher> for ovseal_publisher {
    fn from(publisher: Publisher) -> Self {
        let (id, pem) = (c_string(&publisher.id().to_string()), c_string(&publisher.encode()));
        Self { publisher, id, pem }
    }
}

/// Takes the PEM text of a public key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_publisher_parse(
    pem: *const c_char,
    publisher: Option<&mut MaybeUninit<*mut ovseal_publisher>>,
) -> *mut ovseal_error {
    run(|| {
        let out = publisher.required("publisher")?;
        // SAFETY: the header demands a text.
        let pem = unsafe { text(pem, "pem") }?;
        give(out, ovseal_publisher::from(Publisher::parse(pem)?));
        Ok(())
    })
}

/// Reads the file of a publisher's public key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_publisher_parse_at(
    file: *const c_char,
    publisher: Option<&mut MaybeUninit<*mut ovseal_publisher>>,
) -> *mut ovseal_error {
    run(|| {
        let out = publisher.required("publisher")?;
        // SAFETY: the header demands a text.
        let (bytes, _) = ovseal_frontend::read(unsafe { path(file, "file") }?, LIMIT)?;
        let pem = std::str::from_utf8(bytes.expose()).map_err(|_| KeyError::PublisherPublic)?;
        give(out, Publisher::parse(pem)?.into());
        Ok(())
    })
}

/// The name of the key, 64 hexadecimal digits, as `ovseal inspect` shows it; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_id(publisher: Option<&ovseal_publisher>) -> *const c_char {
    pointer(publisher.map(|publisher| &publisher.id))
}

/// The PEM text of the key; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_pem(publisher: Option<&ovseal_publisher>) -> *const c_char {
    pointer(publisher.map(|publisher| &publisher.pem))
}

/// Frees a public key; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_free(publisher: Option<Box<ovseal_publisher>>) {
    drop(publisher);
}

/// Makes a fresh private key.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_key_generate(
    key: Option<&mut MaybeUninit<*mut ovseal_publisher_key>>,
) -> *mut ovseal_error {
    run(|| {
        let out = key.required("key")?;
        give(out, ovseal_publisher_key(Arc::new(PublisherKey::generate()?)));
        Ok(())
    })
}

/// Takes the PEM text of a private key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_publisher_key_parse(
    pem: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_publisher_key>>,
) -> *mut ovseal_error {
    run(|| {
        let out = key.required("key")?;
        // SAFETY: the header demands a text.
        let pem = unsafe { text(pem, "pem") }?;
        give(out, ovseal_publisher_key(Arc::new(PublisherKey::parse(pem)?)));
        Ok(())
    })
}

/// The PEM text of a private key, to be stored.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_key_encode(
    key: Option<&ovseal_publisher_key>,
    pem: Option<&mut MaybeUninit<*mut ovseal_secret>>,
) -> *mut ovseal_error {
    run(|| {
        let (key, out) = (key.required("key")?, pem.required("pem")?);
        give(out, ovseal_secret::new(key.0.encode().expose())?);
        Ok(())
    })
}

/// The public key that belongs to a private key.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_key_public(
    key: Option<&ovseal_publisher_key>,
    publisher: Option<&mut MaybeUninit<*mut ovseal_publisher>>,
) -> *mut ovseal_error {
    run(|| {
        let (key, out) = (key.required("key")?, publisher.required("publisher")?);
        give(out, ovseal_publisher::from(key.0.publisher().clone()));
        Ok(())
    })
}

/// Frees a private key; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_publisher_key_free(key: Option<Box<ovseal_publisher_key>>) {
    drop(key);
}

/// More than the keys of a publisher take.
const LIMIT: usize = 64 << 10;
