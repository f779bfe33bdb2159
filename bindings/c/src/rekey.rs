//! Changing the keys of containers.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::path::Path;

use ovseal::{Identity, OnWaiting, RekeyError, RekeyOptions, Rekeyed};
use ovseal_frontend::Failure;

use crate::error::{ovseal_error, run};
use crate::key::ovseal_key;
use crate::text::{Required, bad_argument, list, objects, path};
use crate::trust::{self, ovseal_trusted_publisher};
use crate::versioned::{self, Versioned};

/// Allows post-quantum and classical public keys in one container.
pub const OVSEAL_REKEY_ALLOW_MIXED: u32 = 1;
/// Discards the pending stanzas next to the container.
pub const OVSEAL_REKEY_DISCARD_WAITING: u32 = 2;
/// Adopts the pending stanzas next to the container. Check first where they come from.
pub const OVSEAL_REKEY_FINISH_WAITING: u32 = 4;

/// Options for adding and removing a container's keys. Start from `OVSEAL_REKEY_OPTIONS_INIT`.
///
/// Zero is the default of every member but `size`.
///
/// Removing a stanza does not revoke access. Anyone who knew the data key, or kept a copy of the
/// old container, can still open this payload. To revoke access, seal again with a higher security
/// version.
///
/// Rekeying vouches for the container. With the default trust, specify its publisher.
///
/// An interrupted rekeying leaves stanzas in `NAME.ovseal.rekey`, next to the container. The next
/// call adopts them. If the pending stanzas there are not from an interrupted rekeying of this
/// file, the call fails with `OVSEAL_CODE_WAITING`, unless you pass `OVSEAL_REKEY_DISCARD_WAITING`
/// or `OVSEAL_REKEY_FINISH_WAITING`. With either flag, you need not add or remove anything.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_rekey_options {
    /// `sizeof(ovseal_rekey_options)`.
    pub size: usize,
    /// Any of `OVSEAL_REKEY_*`, combined with `|`.
    pub flags: u32,
    /// Who must have made the container: one of `OVSEAL_TRUST_*`.
    pub trust: u32,
    /// The trusted publishers. Naming any requires `OVSEAL_TRUST_PUBLISHERS`.
    pub publishers: *const ovseal_trusted_publisher,
    /// The number of trusted publishers.
    pub publisher_count: usize,
    /// The keys to add. It must be possible to seal to each of them.
    pub add_recipients: *const *const ovseal_key,
    /// The number of keys to add.
    pub add_recipient_count: usize,
    /// The numbers of the stanzas to remove, from 0.
    pub remove_stanzas: *const usize,
    /// The number of stanzas to remove.
    pub remove_stanza_count: usize,
    /// The generation the stanzas must have, see `ovseal_inspection_generation`; NULL for any.
    pub expected_generation: *const u64,
    /// The limit for key derivation, as in `ovseal_open_options`; NULL for 1024.
    pub kdf_limit: *const u32,
}

// SAFETY: `repr(C)`, the size comes first, two `u32` fill one word, and zeros are NULL or 0.
unsafe impl Versioned for ovseal_rekey_options {}

/// The result of rekeying. This struct never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_rekeyed {
    /// The new generation: the number of times the stanzas have been written, 1 after sealing.
    pub generation: u64,
    /// The number of stanzas.
    pub stanzas: usize,
}

/// Changes the keys of the container at `file`, which `key` opens. The payload is not touched.
///
/// The result is written to `rekeyed`, unless that is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_rekey(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: *const ovseal_rekey_options,
    rekeyed: Option<&mut MaybeUninit<ovseal_rekeyed>>,
) -> *mut ovseal_error {
    // SAFETY: this function has the same requirements as the other one.
    unsafe { perform(file, key, options, rekeyed, RekeyOptions::rekey) }
}

/// Adds keys in the file `NAME.ovseal.keys` next to the container, which is not modified.
///
/// An existing file of that name is replaced. The result is written to `rekeyed`, unless that is
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_write_side_file(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: *const ovseal_rekey_options,
    rekeyed: Option<&mut MaybeUninit<ovseal_rekeyed>>,
) -> *mut ovseal_error {
    // SAFETY: this function has the same requirements as the other one.
    unsafe { perform(file, key, options, rekeyed, RekeyOptions::write_side_file) }
}

unsafe fn perform<'a>(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: *const ovseal_rekey_options,
    out: Option<&mut MaybeUninit<ovseal_rekeyed>>,
    work: impl FnOnce(&RekeyOptions<'a>, &Path, &[&dyn Identity]) -> Result<Rekeyed, RekeyError>,
) -> *mut ovseal_error {
    run(|| {
        // SAFETY: the header requires as many bytes as the size says.
        let options = unsafe { versioned::read(options, "options") }?;
        // SAFETY: the header requires that the pointers in the options are NULL or valid.
        let options = unsafe { options.build() }?;
        // SAFETY: the header requires a path.
        let file = unsafe { path(file, "file") }?;
        let made = work(&options, file, &key.required("key")?.0.identities())?;
        if let Some(out) = out {
            out.write(ovseal_rekeyed { generation: made.generation, stanzas: made.stanzas });
        }
        Ok(())
    })
}

impl ovseal_rekey_options {
    /// # Safety
    /// The pointers are NULL or valid, and stay so for `'a`.
    unsafe fn build<'a>(self) -> Result<RekeyOptions<'a>, Failure> {
        // SAFETY: the caller guarantees that the publishers are valid.
        let trust = unsafe { trust::read(self.trust, self.publishers, self.publisher_count) }?;
        // SAFETY: the caller guarantees that the keys are valid.
        let add: Vec<&'a ovseal_key> =
            unsafe { objects(self.add_recipients, self.add_recipient_count, "options->add_recipients") }?;
        // SAFETY: the caller guarantees that the numbers are valid.
        let remove =
            unsafe { list(self.remove_stanzas, self.remove_stanza_count, "options->remove_stanzas") }?;
        let mut options = RekeyOptions::new()
            .trust(trust)
            .allow_mixed(self.flags & OVSEAL_REKEY_ALLOW_MIXED != 0)
            .on_waiting(self.on_waiting()?);
        for key in add {
            let recipients = key.0.to_be_sealed_to()?.recipients();
            options = recipients.into_iter().fold(options, RekeyOptions::add_recipient);
        }
        options = remove.iter().fold(options, |options, number| options.remove_stanza(*number));
        // SAFETY: the caller guarantees that the number is valid.
        if let Some(generation) = unsafe { self.expected_generation.as_ref() } {
            options = options.expect_generation(*generation);
        }
        // SAFETY: as above.
        if let Some(mib) = unsafe { self.kdf_limit.as_ref() } {
            options = options.kdf_limit(*mib);
        }
        Ok(options)
    }

    fn on_waiting(&self) -> Result<OnWaiting, Failure> {
        match self.flags & !OVSEAL_REKEY_ALLOW_MIXED {
            0 => Ok(OnWaiting::Refuse),
            OVSEAL_REKEY_DISCARD_WAITING => Ok(OnWaiting::Discard),
            OVSEAL_REKEY_FINISH_WAITING => Ok(OnWaiting::Finish),
            flags if flags == OVSEAL_REKEY_DISCARD_WAITING | OVSEAL_REKEY_FINISH_WAITING => {
                Err(bad_argument("pending stanzas cannot be both discarded and adopted"))
            }
            _ => Err(bad_argument("options->flags has bits other than OVSEAL_REKEY_*")),
        }
    }
}
