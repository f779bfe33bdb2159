//! Other keys for the same container.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use ovseal::{OnWaiting, Publisher, RekeyOptions, Trust};
use ovseal_frontend::Key;

use crate::error::{bad_argument, ovseal_error, run};
use crate::key::ovseal_key;
use crate::publisher::ovseal_publisher;
use crate::text::{Required, change, give, path};

/// Which keys a container gets and which it loses. Free it with `ovseal_rekey_options_free`.
///
/// Removing a stanza revokes nothing: whoever had the data key or kept an old copy still opens this payload. Revoking means sealing
/// anew with a higher security version.
///
/// Rekeying vouches for the container: name its publisher, or accept any sender. Without either, only a container for passphrases and
/// key files alone is rekeyed.
#[derive(Default)]
pub struct ovseal_rekey_options {
    publishers: Vec<Publisher>,
    accepts_any_sender: bool,
    add: Key,
    remove: Vec<usize>,
    generation: Option<u64>,
    allow_mixed: bool,
    on_waiting: OnWaiting,
    kdf_limit: Option<u32>,
}

impl ovseal_rekey_options {
    fn trust(&self) -> Trust {
        match (&self.publishers[..], self.accepts_any_sender) {
            ([], true) => Trust::AnySender,
            ([], false) => Trust::SharedSecret,
            (publishers, _) => Trust::Publishers(publishers.to_vec()),
        }
    }
}

/// Stanzas that wait next to the container are an error, `OVSEAL_CODE_WAITING`, which names them.
pub const OVSEAL_WAITING_REFUSE: u32 = 0;
/// Stanzas that wait next to the container are removed.
pub const OVSEAL_WAITING_DISCARD: u32 = 1;
/// Stanzas that wait next to the container are taken over.
pub const OVSEAL_WAITING_FINISH: u32 = 2;

/// What a rekeying made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_rekeyed {
    /// How often the stanzas were written: 1 after sealing.
    pub generation: u64,
    /// How many stanzas there are.
    pub stanzas: usize,
}

/// Makes settings that add and remove nothing.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_new(
    options: Option<&mut MaybeUninit<*mut ovseal_rekey_options>>,
) -> *mut ovseal_error {
    run(|| {
        give(options.required("options")?, ovseal_rekey_options::default());
        Ok(())
    })
}

/// Demands that the container is signed by this publisher, or by another one that is named.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_add_publisher(
    options: Option<&mut ovseal_rekey_options>,
    publisher: Option<&ovseal_publisher>,
) -> *mut ovseal_error {
    change(options, |options| {
        options.publishers.push(publisher.required("publisher")?.publisher.clone());
        Ok(())
    })
}

/// Sets whether a container from anyone is rekeyed. It has no effect if a publisher is named.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_set_any_sender(
    options: Option<&mut ovseal_rekey_options>,
    accept: bool,
) -> *mut ovseal_error {
    change(options, |options| {
        options.accepts_any_sender = accept;
        Ok(())
    })
}

/// Adds a key.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_add_recipient(
    options: Option<&mut ovseal_rekey_options>,
    key: Option<&ovseal_key>,
) -> *mut ovseal_error {
    change(options, |options| {
        let key = key.required("key")?.0.to_be_sealed_to()?;
        options.add = std::mem::take(&mut options.add).and(key);
        Ok(())
    })
}

/// Removes the stanza with this number, from 0.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_remove_stanza(
    options: Option<&mut ovseal_rekey_options>,
    number: usize,
) -> *mut ovseal_error {
    change(options, |options| {
        options.remove.push(number);
        Ok(())
    })
}

/// Refuses to rekey when the stanzas were written more often than the caller has seen.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_expect_generation(
    options: Option<&mut ovseal_rekey_options>,
    generation: u64,
) -> *mut ovseal_error {
    change(options, |options| {
        options.generation = Some(generation);
        Ok(())
    })
}

/// Sets whether post-quantum and classical public keys may stand beside each other.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_set_allow_mixed(
    options: Option<&mut ovseal_rekey_options>,
    allow: bool,
) -> *mut ovseal_error {
    change(options, |options| {
        options.allow_mixed = allow;
        Ok(())
    })
}

/// Decides about stanzas that wait next to the container, in `NAME.ovseal.rekey`, and that a
/// rekeying may not take over by itself: one of `OVSEAL_WAITING_*`.
///
/// An interrupted rekeying of this very file is finished in any case. With a decision, a rekeying
/// may add and remove nothing else.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_set_on_waiting(
    options: Option<&mut ovseal_rekey_options>,
    on_waiting: u32,
) -> *mut ovseal_error {
    change(options, |options| {
        options.on_waiting = match on_waiting {
            OVSEAL_WAITING_REFUSE => OnWaiting::Refuse,
            OVSEAL_WAITING_DISCARD => OnWaiting::Discard,
            OVSEAL_WAITING_FINISH => OnWaiting::Finish,
            _ => return Err(bad_argument("the decision is none of OVSEAL_WAITING_*")),
        };
        Ok(())
    })
}

/// Sets how much key derivation from passphrases is allowed, as `ovseal_open_options_set_kdf_limit`
/// does.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_set_kdf_limit(
    options: Option<&mut ovseal_rekey_options>,
    mib: u32,
) -> *mut ovseal_error {
    change(options, |options| {
        options.kdf_limit = Some(mib);
        Ok(())
    })
}

/// Frees settings; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_rekey_options_free(options: Option<Box<ovseal_rekey_options>>) {
    drop(options);
}

/// Changes the keys of the container at `file`, which `key` opens. The payload is not touched.
///
/// What came of it is written to `rekeyed`, unless that is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_rekey(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: Option<&ovseal_rekey_options>,
    rekeyed: Option<&mut MaybeUninit<ovseal_rekeyed>>,
) -> *mut ovseal_error {
    // SAFETY: this function's caller vouches for what that one demands.
    unsafe { perform(file, key, options, rekeyed, false) }
}

/// Adds keys to a container that cannot be written: in the file `NAME.ovseal.keys` beside it, in place of what is there.
///
/// What came of it is written to `rekeyed`, unless that is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_write_side_file(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: Option<&ovseal_rekey_options>,
    rekeyed: Option<&mut MaybeUninit<ovseal_rekeyed>>,
) -> *mut ovseal_error {
    // SAFETY: this function's caller vouches for what that one demands.
    unsafe { perform(file, key, options, rekeyed, true) }
}

unsafe fn perform(
    file: *const c_char,
    key: Option<&ovseal_key>,
    options: Option<&ovseal_rekey_options>,
    out: Option<&mut MaybeUninit<ovseal_rekeyed>>,
    beside: bool,
) -> *mut ovseal_error {
    run(|| {
        let settings = options.required("options")?;
        // SAFETY: the header demands a text.
        let file = unsafe { path(file, "file") }?;
        let key = &key.required("key")?.0;
        let mut options = RekeyOptions::new()
            .trust(settings.trust())
            .allow_mixed(settings.allow_mixed)
            .on_waiting(settings.on_waiting);
        if let Some(mib) = settings.kdf_limit {
            options = options.kdf_limit(mib);
        }
        if let Some(generation) = settings.generation {
            options = options.expect_generation(generation);
        }
        options = settings.add.recipients().into_iter().fold(options, RekeyOptions::add_recipient);
        options = settings.remove.iter().fold(options, |options, number| options.remove_stanza(*number));
        let identities = key.identities();
        let made = match beside {
            true => options.write_side_file(file, &identities)?,
            false => options.rekey(file, &identities)?,
        };
        if let Some(out) = out {
            out.write(ovseal_rekeyed { generation: made.generation, stanzas: made.stanzas });
        }
        Ok(())
    })
}
