//! Keys: what opens, and what is sealed to.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr;

use ovseal::PublicKeyIdentity;
use ovseal_frontend::{Failure, Key};

use crate::error::{ovseal_error, run};
use crate::secret::ovseal_secret;
use crate::text::{Required, c_string, give, items, optional_path, optional_text, path, text};

/// Keys that open containers, or to which containers are sealed, or both. Free it with `ovseal_key_free`.
pub struct ovseal_key(pub(crate) Key);

/// Takes a passphrase of 1 to 1024 bytes of UTF-8. One line ending at its end is left out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_passphrase(
    passphrase: *const u8,
    length: usize,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header demands so many bytes.
    make(key, || Key::passphrase(unsafe { items(passphrase, length, "passphrase") }?))
}

/// Takes the 32 bytes of a key file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_keyfile(
    bytes: *const u8,
    length: usize,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header demands so many bytes.
    make(key, || Key::keyfile(unsafe { items(bytes, length, "bytes") }?))
}

/// Reads a key file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_keyfile_at(
    file: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header demands a text.
    make(key, || Key::keyfile_at(unsafe { path(file, "file") }?))
}

/// Takes identities as `ovseal keygen` and age write them, one a line: `AGE-SECRET-KEY-…`. They open, and the recipients that belong
/// to them are sealed to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_identities(
    bytes: *const u8,
    length: usize,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header demands so many bytes.
    make(key, || Key::identities_in(unsafe { items(bytes, length, "bytes") }?))
}

/// Reads a file of identities.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_identities_at(
    file: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header demands a text.
    make(key, || Key::identities_at(unsafe { path(file, "file") }?))
}

/// Takes a recipient, which is sealed to and opens nothing: `age1…`, `age1pq1…`, or a device's `ovdev1…`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_recipient(
    recipient: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header demands a text.
    make(key, || Key::recipient(unsafe { text(recipient, "recipient") }?))
}

/// Takes this device's own key, in its TPM 2.0.
///
/// Each argument but `key` may be NULL: `folder` is then where `ovseal device enroll` puts the device's files, `tcti` the TPM that the
/// variable OVSEAL_TCTI names, or else the kernel's, and there is no PIN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_device(
    folder: *const c_char,
    tcti: *const c_char,
    pin: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    make(key, || {
        // SAFETY: the header demands texts or NULL.
        let folder = unsafe { optional_path(folder) };
        // SAFETY: likewise.
        let tcti = unsafe { optional_text(tcti, "tcti") }?;
        // SAFETY: likewise.
        let pin = unsafe { optional_text(pin, "pin") }?;
        Key::device(folder, tcti, pin.map(str::as_bytes))
    })
}

/// Says whether a file from which the key was read can be accessed by other users. The key can be used all the same; tell the
/// person who can change the file's mode to 600.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_key_is_exposed(key: Option<&ovseal_key>) -> bool {
    key.is_some_and(|key| key.0.origins().iter().any(|origin| origin.warning().is_some()))
}

/// Joins two keys. What opens is tried in this order.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_key_join(
    first: Option<&ovseal_key>,
    second: Option<&ovseal_key>,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    make(key, || Ok(first.required("first")?.0.clone().and(&second.required("second")?.0)))
}

/// Frees a key; NULL is allowed. Containers that were opened with it stay open.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_key_free(key: Option<Box<ovseal_key>>) {
    drop(key);
}

/// Makes a fresh post-quantum key pair (X-Wing): the text of the identity, to be stored, and of the recipient, to be given to whoever
/// seals.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_identity_generate(
    identity: Option<&mut MaybeUninit<*mut ovseal_secret>>,
    recipient: Option<&mut MaybeUninit<*mut ovseal_secret>>,
) -> *mut ovseal_error {
    run(|| {
        let (identity, recipient) = (identity.required("identity")?, recipient.required("recipient")?);
        let made = PublicKeyIdentity::generate()?;
        let text = ovseal_secret::new(made.encode().expose())?;
        give(recipient, ovseal_secret::new(c_string(&made.recipient().to_string()).as_bytes())?);
        give(identity, text);
        Ok(())
    })
}

pub(crate) fn make(
    out: Option<&mut MaybeUninit<*mut ovseal_key>>,
    key: impl FnOnce() -> Result<Key, Failure>,
) -> *mut ovseal_error {
    run(|| {
        let out = out.required("key")?;
        give(out, ovseal_key(key()?));
        Ok(())
    })
}

/// NULL, for what is not there.
pub(crate) const fn nothing<T>() -> *mut T {
    ptr::null_mut()
}
