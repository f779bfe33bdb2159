//! Keys that open containers, and keys to seal to.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use ovseal::PublicKeyIdentity;
use ovseal_frontend::{Failure, Key};

use crate::error::{create, ovseal_error, run};
use crate::secret::ovseal_secret;
use crate::text::{Required, c_string, give, items, optional_path, optional_text, path, text};

/// One or more keys. Some only open containers, some can only be sealed to, most can do both. Free
/// it with `ovseal_key_free`.
pub struct ovseal_key(pub(crate) Key);

/// Creates a key from a passphrase: 1 to 1024 bytes of UTF-8. A single trailing newline is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_passphrase(
    passphrase: *const u8,
    length: usize,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header requires that many bytes.
    make(key, || Key::passphrase(unsafe { items(passphrase, length, "passphrase") }?))
}

/// Creates a key from the 32 bytes of a key file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_keyfile(
    bytes: *const u8,
    length: usize,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header requires that many bytes.
    make(key, || Key::keyfile(unsafe { items(bytes, length, "bytes") }?))
}

/// Reads the key file at `file`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_keyfile_at(
    file: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header requires a string.
    make(key, || Key::keyfile_at(unsafe { path(file, "file") }?))
}

/// Parses identities as `ovseal keygen` and age write them, one per line: `AGE-SECRET-KEY-…`.
///
/// The identities open containers, and their recipients can be sealed to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_identities(
    bytes: *const u8,
    length: usize,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header requires that many bytes.
    make(key, || Key::identities_in(unsafe { items(bytes, length, "bytes") }?))
}

/// Reads the identities in the file at `file`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_identities_at(
    file: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header requires a string.
    make(key, || Key::identities_at(unsafe { path(file, "file") }?))
}

/// Parses a recipient: `age1…`, `age1pq1…`, or a device's `ovdev1…`. It can be sealed to, but
/// cannot open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_recipient(
    recipient: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    // SAFETY: the header requires a string.
    make(key, || Key::recipient(unsafe { text(recipient, "recipient") }?))
}

/// Creates a key that uses this device's TPM 2.0. Enroll the device first, with `ovseal device
/// enroll`.
///
/// `directory` is the directory with the device's files; NULL for the default. `tcti` specifies the
/// TPM; NULL for the one specified by the variable OVSEAL_TCTI, or else the kernel's. `pin` is NULL
/// for no PIN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_key_device(
    directory: *const c_char,
    tcti: *const c_char,
    pin: *const c_char,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    make(key, || {
        // SAFETY: the header requires strings or NULL.
        let directory = unsafe { optional_path(directory) };
        // SAFETY: as above.
        let tcti = unsafe { optional_text(tcti, "tcti") }?;
        // SAFETY: as above.
        let pin = unsafe { optional_text(pin, "pin") }?;
        Key::device(directory, tcti, pin.map(str::as_bytes))
    })
}

/// Returns whether other users can access a file from which the key was read.
///
/// The key still works. Warn the user, who can change the file's mode to 600.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_key_is_exposed(key: Option<&ovseal_key>) -> bool {
    key.is_some_and(|key| key.0.origins().iter().any(|origin| origin.warning().is_some()))
}

/// Combines two keys. They are tried in this order.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_key_join(
    first: Option<&ovseal_key>,
    second: Option<&ovseal_key>,
    key: Option<&mut MaybeUninit<*mut ovseal_key>>,
) -> *mut ovseal_error {
    make(key, || Ok(first.required("first")?.0.clone().and(&second.required("second")?.0)))
}

/// Frees a key. Containers opened with it stay open.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_key_free(key: Option<Box<ovseal_key>>) {
    drop(key);
}

/// Generates a post-quantum key pair (X-Wing), as strings.
///
/// Store the identity. Give the recipient to anyone who seals for you.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_identity_generate(
    identity: Option<&mut MaybeUninit<*mut ovseal_secret>>,
    recipient: Option<&mut MaybeUninit<*mut ovseal_secret>>,
) -> *mut ovseal_error {
    run(|| {
        let (identity, recipient) = (identity.required("identity")?, recipient.required("recipient")?);
        let made = PublicKeyIdentity::generate()?;
        let text = ovseal_secret::new(made.encode().expose())?;
        give(recipient, ovseal_secret::new(c_string(made.recipient()).as_bytes())?);
        give(identity, text);
        Ok(())
    })
}

pub(crate) fn make(
    out: Option<&mut MaybeUninit<*mut ovseal_key>>,
    key: impl FnOnce() -> Result<Key, Failure>,
) -> *mut ovseal_error {
    create(out, "key", || Ok(ovseal_key(key()?)))
}
