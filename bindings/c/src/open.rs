//! Opening a container, and what is demanded of it.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::sync::Arc;

use ovseal::{ModelName, OpenOptions, RollbackState, Trust};
use ovseal_frontend::Failure;

use crate::error::{bad_argument, ovseal_error, run};
use crate::key::ovseal_key;
use crate::opened::ovseal_opened;
use crate::progress::{Progress, ovseal_progress};
use crate::publisher::ovseal_publisher;
use crate::source::{Source, ovseal_source};
use crate::text::{Required, change, give, path, text};

/// What is demanded of a container, and how it is read. Free it with `ovseal_open_options_free`.
///
/// With `OVSEAL_TRUST_ANY_SENDER`, a container may come from anyone who knows a public key to which it is sealed. A demanded name, a
/// least security version and a rollback state are worth something with a publisher only, and are refused without one.
pub struct ovseal_open_options {
    trust: Trust,
    name: Option<ModelName>,
    min_security_version: Option<u64>,
    rollback: Option<RollbackState>,
    threads: Option<NonZeroUsize>,
    progress: Option<Progress>,
    kdf_limit: Option<u32>,
}

impl ovseal_open_options {
    const fn new(trust: Trust) -> Self {
        Self {
            trust,
            name: None,
            min_security_version: None,
            rollback: None,
            threads: None,
            progress: None,
            kdf_limit: None,
        }
    }

    fn trust(&mut self, publisher: ovseal::Publisher) -> Result<(), Failure> {
        let Trust::Publishers(publishers) = &mut self.trust else {
            return Err(bad_argument("the trust is not OVSEAL_TRUST_PUBLISHERS"));
        };
        publishers.push(publisher);
        Ok(())
    }

    pub(crate) fn build(&self) -> OpenOptions {
        let mut options = OpenOptions::new(self.trust.clone());
        if let Some(name) = self.name.clone() {
            options = options.name(name);
        }
        if let Some(version) = self.min_security_version {
            options = options.min_security_version(version);
        }
        if let Some(state) = self.rollback.clone() {
            options = options.rollback_state(state);
        }
        if let Some(threads) = self.threads {
            options = options.threads(threads);
        }
        if let Some(mib) = self.kdf_limit {
            options = options.kdf_limit(mib);
        }
        if let Some(progress) = self.progress {
            options = options.progress(move |bytes| {
                progress.tell(bytes);
            });
        }
        options
    }
}

/// The container must be signed by one of the publishers that are named.
pub const OVSEAL_TRUST_PUBLISHERS: u32 = 1;
/// The container may come from anyone.
pub const OVSEAL_TRUST_ANY_SENDER: u32 = 2;
/// No sender is named: only a container for passphrases and key files alone opens. It may come from anyone for whom it was ever sealed
/// or rekeyed.
pub const OVSEAL_TRUST_SHARED_SECRET: u32 = 3;

/// Makes demands with this trust, one of `OVSEAL_TRUST_*`, and nothing further.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_open_options_new(
    trust: u32,
    options: Option<&mut MaybeUninit<*mut ovseal_open_options>>,
) -> *mut ovseal_error {
    run(|| {
        let out = options.required("options")?;
        let trust = match trust {
            OVSEAL_TRUST_PUBLISHERS => Trust::Publishers(Vec::new()),
            OVSEAL_TRUST_ANY_SENDER => Trust::AnySender,
            OVSEAL_TRUST_SHARED_SECRET => Trust::SharedSecret,
            _ => return Err(bad_argument("the trust is none of OVSEAL_TRUST_*")),
        };
        give(out, ovseal_open_options::new(trust));
        Ok(())
    })
}

/// Trusts a publisher, in addition to those that were named before.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_open_options_add_publisher(
    options: Option<&mut ovseal_open_options>,
    publisher: Option<&ovseal_publisher>,
) -> *mut ovseal_error {
    change(options, |options| {
        let publisher = publisher.required("publisher")?;
        options.trust(publisher.publisher.clone())
    })
}

/// Trusts a publisher for the model of this name only, in addition to those that were named before.
/// Call it several times for several names.
///
/// Accepted security versions of a model are compared and raised for those publishers only that may
/// sign it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_open_options_add_publisher_for(
    options: Option<&mut ovseal_open_options>,
    publisher: Option<&ovseal_publisher>,
    name: *const c_char,
) -> *mut ovseal_error {
    change(options, |options| {
        let publisher = publisher.required("publisher")?;
        // SAFETY: the header demands a text.
        let name = ModelName::parse(unsafe { text(name, "name") }?)?;
        options.trust(publisher.publisher.clone().only_for(&name))
    })
}

/// Demands the model of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_open_options_set_name(
    options: Option<&mut ovseal_open_options>,
    name: *const c_char,
) -> *mut ovseal_error {
    change(options, |options| {
        // SAFETY: the header demands a text.
        options.name = Some(ModelName::parse(unsafe { text(name, "name") }?)?);
        Ok(())
    })
}

/// Demands at least this security version.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_open_options_set_min_security_version(
    options: Option<&mut ovseal_open_options>,
    version: u64,
) -> *mut ovseal_error {
    change(options, |options| {
        options.min_security_version = Some(version);
        Ok(())
    })
}

/// Demands at least the security version that this device has accepted before, as the state file at `file` says. It must exist; see
/// `ovseal_rollback_state_create` and `ovseal_opened_accept`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_open_options_set_rollback_state(
    options: Option<&mut ovseal_open_options>,
    file: *const c_char,
) -> *mut ovseal_error {
    change(options, |options| {
        // SAFETY: the header demands a text.
        options.rollback = Some(RollbackState::new(unsafe { path(file, "file") }?));
        Ok(())
    })
}

/// Sets how much key derivation from passphrases one call may do, in MiB of memory times passes;
/// 1024 by default.
///
/// It limits the sum over all stanzas. A single one may take a quarter of it as memory. What
/// exceeds it is passed over.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_open_options_set_kdf_limit(
    options: Option<&mut ovseal_open_options>,
    mib: u32,
) -> *mut ovseal_error {
    change(options, |options| {
        options.kdf_limit = Some(mib);
        Ok(())
    })
}

/// Sets how many threads decrypt or verify; 0 is as many as there are processors.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_open_options_set_threads(
    options: Option<&mut ovseal_open_options>,
    threads: usize,
) -> *mut ovseal_error {
    change(options, |options| {
        options.threads = NonZeroUsize::new(threads);
        Ok(())
    })
}

/// Sets a call-back that follows the decryption, as long as anything that was opened lives; NULL for none.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_open_options_set_progress(
    options: Option<&mut ovseal_open_options>,
    progress: ovseal_progress,
    context: *mut c_void,
) -> *mut ovseal_error {
    change(options, |options| {
        options.progress = Progress::new(progress, context);
        Ok(())
    })
}

/// Frees demands; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_open_options_free(options: Option<Box<ovseal_open_options>>) {
    drop(options);
}

/// Opens the container at `file` with `key`.
///
/// Everything but the payload is authentic when this returns; parts are decrypted when they are read. Call `ovseal_opened_accept`
/// when the model has been loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_open(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: Option<&ovseal_open_options>,
    opened: Option<&mut MaybeUninit<*mut ovseal_opened>>,
) -> *mut ovseal_error {
    run(|| {
        let (options, out) = (options.required("options")?, opened.required("opened")?);
        // SAFETY: the header demands a text.
        let file = unsafe { path(file, "file") }?;
        let key = &key.required("key")?.0;
        give(out, ovseal_opened::new(options.build().open(file, &key.identities())?));
        Ok(())
    })
}

/// Opens a container that is no file, as `ovseal_open` does. Files beside it (side file, unfinished rekeying) are not looked for.
///
/// Whatever comes of the call, the library then owns `source->context`, until it calls `source->release`; not when `source` is NULL or has
/// another size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_open_source(
    source: Option<&ovseal_source>,
    key: Option<&ovseal_key>,
    options: Option<&ovseal_open_options>,
    opened: Option<&mut MaybeUninit<*mut ovseal_opened>>,
) -> *mut ovseal_error {
    run(|| {
        let source = source.required("source")?;
        if source.size < size_of::<ovseal_source>() {
            return Err(bad_argument("the size of the source is not sizeof(ovseal_source)"));
        }
        let source = Arc::new(Source(*source));
        source.0.read.required("source->read")?;
        let (options, out) = (options.required("options")?, opened.required("opened")?);
        let key = &key.required("key")?.0;
        give(out, ovseal_opened::new(options.build().open_source(source, &key.identities())?));
        Ok(())
    })
}

/// Makes a state of this device in which no security version has been accepted yet. A file that is there is left alone, and an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_rollback_state_create(file: *const c_char) -> *mut ovseal_error {
    run(|| {
        // SAFETY: the header demands a text.
        RollbackState::create(unsafe { path(file, "file") }?)?;
        Ok(())
    })
}
