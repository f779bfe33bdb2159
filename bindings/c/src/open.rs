//! Opening containers.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::sync::Arc;

use ovseal::{ModelName, OpenOptions, RollbackState};
use ovseal_frontend::Failure;

use crate::error::{create, ovseal_error, run};
use crate::key::ovseal_key;
use crate::opened::ovseal_opened;
use crate::progress::{Progress, ovseal_progress};
use crate::source::{Source, ovseal_source};
use crate::text::{Required, give, optional_path, optional_text, path};
use crate::trust::{self, ovseal_trusted_publisher};
use crate::versioned::{self, Versioned};

/// Options for opening and verifying. Start from `OVSEAL_OPEN_OPTIONS_INIT`.
///
/// Zero is the default of every member but `size`. With the default trust, specify at least one
/// publisher. The model's name, security version and rollback state are checked against a
/// publisher's signature, so requiring one of them with any other trust is an error.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_open_options {
    /// `sizeof(ovseal_open_options)`.
    pub size: usize,
    /// The accepted senders of the container: one of `OVSEAL_TRUST_*`.
    pub trust: u32,
    /// The number of threads that decrypt or verify; 0 for one per processor.
    pub threads: u32,
    /// The trusted publishers. Specifying any requires `OVSEAL_TRUST_PUBLISHERS`.
    pub publishers: *const ovseal_trusted_publisher,
    /// The number of trusted publishers.
    pub publisher_count: usize,
    /// The required name of the model; NULL for any.
    pub name: *const c_char,
    /// The lowest security version to accept; NULL for any.
    pub min_security_version: *const u64,
    /// The path of a rollback state; NULL for none. The file must exist.
    ///
    /// Security versions below the highest one that this device has accepted are denied. See
    /// `ovseal_rollback_state_create` and `ovseal_opened_accept`.
    pub rollback_state: *const c_char,
    /// The limit for key derivation from passphrases, in MiB of memory times passes; NULL for 1024.
    ///
    /// This limits the sum over all stanzas; one stanza may use a quarter of the limit as memory.
    /// Stanzas above the limit are skipped.
    pub kdf_limit: *const u32,
    /// Called as bytes are decrypted; NULL for none. The result is ignored.
    pub progress: ovseal_progress,
    /// Passed to `progress`. It must stay valid until the opened container and everything created
    /// from it are freed: parts, mappings and networks report chunks that are decrypted later.
    pub progress_context: *mut c_void,
    /// The limit on the bytes of a network's weights in memory while a runtime reads them; NULL for
    /// as many as there is room for.
    ///
    /// The rest is decrypted again when it is read again. It applies to overlapped openings.
    pub memory_budget: *const u64,
}

// SAFETY: `repr(C)`, the size comes first, two `u32` fill one word, and zeros are NULL or 0.
unsafe impl Versioned for ovseal_open_options {}

/// Reads the caller's options.
///
/// # Safety
/// `options` is NULL, or points to options whose pointers are NULL or valid.
pub(crate) unsafe fn read(options: *const ovseal_open_options) -> Result<OpenOptions, Failure> {
    // SAFETY: the caller guarantees as many bytes as the size says.
    let from = unsafe { versioned::read(options, "options") }?;
    // SAFETY: the caller guarantees that the publishers are valid.
    let trust = unsafe { trust::read(from.trust, from.publishers, from.publisher_count) }?;
    let mut options = OpenOptions::new(trust);
    // SAFETY: the caller guarantees that the string is valid.
    if let Some(name) = unsafe { optional_text(from.name, "options->name") }? {
        options = options.name(ModelName::parse(name)?);
    }
    // SAFETY: the caller guarantees that the number is valid.
    if let Some(version) = unsafe { from.min_security_version.as_ref() } {
        options = options.min_security_version(*version);
    }
    // SAFETY: the caller guarantees that the path is valid.
    if let Some(file) = unsafe { optional_path(from.rollback_state) } {
        options = options.rollback_state(RollbackState::new(file));
    }
    // SAFETY: the caller guarantees that the number is valid.
    if let Some(mib) = unsafe { from.kdf_limit.as_ref() } {
        options = options.kdf_limit(*mib);
    }
    // SAFETY: the caller guarantees that the number is valid.
    if let Some(bytes) = unsafe { from.memory_budget.as_ref() } {
        options = options.memory_budget(*bytes);
    }
    if let Some(threads) = NonZeroUsize::new(from.threads as usize) {
        options = options.threads(threads);
    }
    if let Some(progress) = Progress::new(from.progress, from.progress_context) {
        options = options.progress(move |bytes| {
            progress.report(bytes);
        });
    }
    Ok(options)
}

/// Opens the container at `file` with `key`.
///
/// On return, everything but the payload has been authenticated. Parts are decrypted and
/// authenticated when they are read. Call `ovseal_opened_accept` after the model has been loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_open(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: *const ovseal_open_options,
    opened: Option<&mut MaybeUninit<*mut ovseal_opened>>,
) -> *mut ovseal_error {
    create(opened, "opened", || {
        // SAFETY: the header requires options.
        let options = unsafe { read(options) }?;
        // SAFETY: the header requires a path.
        let file = unsafe { path(file, "file") }?;
        let key = &key.required("key")?.0;
        Ok(ovseal_opened::new(options.open(file, &key.identities())?))
    })
}

/// Opens a container that is read through a callback, as `ovseal_open` does.
///
/// Files next to the container (side file, rekeying file) are not looked for. The library takes
/// over `source->context` even if the call fails, and calls `source->release` when it is done. If
/// the struct itself is rejected (NULL, a wrong size, or an unknown member), the context stays
/// yours.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_open_source(
    source: *const ovseal_source,
    key: Option<&ovseal_key>,
    options: *const ovseal_open_options,
    opened: Option<&mut MaybeUninit<*mut ovseal_opened>>,
) -> *mut ovseal_error {
    run(|| {
        // SAFETY: the header requires as many bytes as the size says.
        let source = Arc::new(Source(unsafe { versioned::read(source, "source") }?));
        source.0.read.required("source->read")?;
        let out = opened.required("opened")?;
        // SAFETY: the header requires options.
        let options = unsafe { read(options) }?;
        let key = &key.required("key")?.0;
        give(out, ovseal_opened::new(options.open_source(source, &key.identities())?));
        Ok(())
    })
}

/// Creates a rollback state in which no security version has been accepted yet.
///
/// Fails if the file exists, and leaves it unchanged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_rollback_state_create(file: *const c_char) -> *mut ovseal_error {
    run(|| {
        // SAFETY: the header requires a path.
        RollbackState::create(unsafe { path(file, "file") }?)?;
        Ok(())
    })
}
