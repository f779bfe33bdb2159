//! Verifying a container.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::Verification;

use crate::error::{ovseal_error, run};
use crate::key::ovseal_key;
use crate::open::ovseal_open_options;
use crate::text::{Required, c_string, give, path, pointer};

/// What a successful verification showed. Free it with `ovseal_verification_free`.
pub struct ovseal_verification {
    publisher: Option<CString>,
    claimed: Vec<CString>,
    security_version: u64,
    content_verified: bool,
}

impl From<Verification> for ovseal_verification {
    fn from(verification: Verification) -> Self {
        let claimed = verification.claimed_publishers.iter();
        Self {
            publisher: verification.publisher.map(|id| c_string(&id.to_string())),
            claimed: claimed.map(|id| c_string(&id.to_string())).collect(),
            security_version: verification.security_version,
            content_verified: verification.content_verified,
        }
    }
}

/// Verifies the container at `file`.
///
/// Without a key (NULL): signature, demands, and the digest of every chunk. With one also MACs, manifest, and the tag of
/// every chunk. Without a key this shows who signed, and not that the content is what a holder of the key sealed; see
/// `ovseal_verification_content_verified`. With `OVSEAL_TRUST_ANY_SENDER` and no key it shows only that the container is
/// consistent in itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_verify(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: Option<&ovseal_open_options>,
    verification: Option<&mut MaybeUninit<*mut ovseal_verification>>,
) -> *mut ovseal_error {
    run(|| {
        let (options, out) = (options.required("options")?.build(), verification.required("verification")?);
        // SAFETY: the header demands a text.
        let file = unsafe { path(file, "file") }?;
        let verification = match key {
            None => options.verify(file)?,
            Some(key) => options.verify_with_key(file, &key.0.identities())?.0,
        };
        give(out, ovseal_verification::from(verification));
        Ok(())
    })
}

/// The trusted publisher who signed, as `ovseal_publisher_id` names it; NULL when none was named.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_publisher(verification: Option<&ovseal_verification>) -> *const c_char {
    pointer(verification.and_then(|verification| verification.publisher.as_ref()))
}

/// The publisher with this number, from 0, of those that *claim* to have signed; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_claimed_publisher(
    verification: Option<&ovseal_verification>,
    number: usize,
) -> *const c_char {
    pointer(verification.and_then(|verification| verification.claimed.get(number)))
}

/// The security version, which is believable only with a publisher or a key; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_security_version(verification: Option<&ovseal_verification>) -> u64 {
    verification.map_or(0, |verification| verification.security_version)
}

/// Returns true if a key showed that the content is what a holder of the key sealed; false without
/// a key, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_content_verified(verification: Option<&ovseal_verification>) -> bool {
    verification.is_some_and(|verification| verification.content_verified)
}

/// Frees a verification; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_verification_free(verification: Option<Box<ovseal_verification>>) {
    drop(verification);
}
