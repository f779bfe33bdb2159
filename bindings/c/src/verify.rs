//! Verifying containers.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::Verification;

use crate::error::{create, ovseal_error};
use crate::key::ovseal_key;
use crate::open::{self, ovseal_open_options};
use crate::text::{c_string, path, pointer};

/// The result of a successful verification. Free it with `ovseal_verification_free`.
pub struct ovseal_verification {
    publisher: Option<CString>,
    claimed: Vec<CString>,
    security_version: u64,
    content_verified: bool,
}

impl From<Verification> for ovseal_verification {
    fn from(verification: Verification) -> Self {
        Self {
            publisher: verification.publisher.map(c_string),
            claimed: verification.claimed_publishers.iter().map(c_string).collect(),
            security_version: verification.security_version,
            content_verified: verification.content_verified,
        }
    }
}

/// Verifies the container at `file`, with a key or, if `key` is NULL, without one.
///
/// Without a key, this checks the signature, the requirements in the options, and the digest of
/// every chunk. This shows who signed, not that a holder of the key sealed the content. With
/// `OVSEAL_TRUST_ANY_SENDER`, it shows only that the container is consistent.
///
/// With a key, it also checks the MACs, the manifest, and the tag of every chunk. See
/// `ovseal_verification_content_verified`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_verify(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: *const ovseal_open_options,
    verification: Option<&mut MaybeUninit<*mut ovseal_verification>>,
) -> *mut ovseal_error {
    create(verification, "verification", || {
        // SAFETY: the header requires options.
        let options = unsafe { open::read(options) }?;
        // SAFETY: the header requires a path.
        let file = unsafe { path(file, "file") }?;
        let verification = match key {
            None => options.verify(file)?,
            Some(key) => options.verify_with_key(file, &key.0.identities())?.0,
        };
        Ok(verification.into())
    })
}

/// Returns the id of the trusted publisher who signed; NULL if no publisher was specified.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_publisher(verification: Option<&ovseal_verification>) -> *const c_char {
    pointer(verification.and_then(|verification| verification.publisher.as_ref()))
}

/// Returns the id of publisher `number` of those that *claim* to have signed; NULL past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_claimed_publisher(
    verification: Option<&ovseal_verification>,
    number: usize,
) -> *const c_char {
    pointer(verification.and_then(|verification| verification.claimed.get(number)))
}

/// Returns the security version; 0 for NULL. It is authentic only with a publisher or a key.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_security_version(verification: Option<&ovseal_verification>) -> u64 {
    verification.map_or(0, |verification| verification.security_version)
}

/// Returns true if the content was verified with a key, so that a holder of the key sealed it.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_content_verified(verification: Option<&ovseal_verification>) -> bool {
    verification.is_some_and(|verification| verification.content_verified)
}

/// Frees a verification.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_free(verification: Option<Box<ovseal_verification>>) {
    drop(verification);
}
