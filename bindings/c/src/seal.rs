//! Sealing a model.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

use ovseal::{Model, ModelName, ModelOptions, PublisherKey, SealOptions};
use ovseal_frontend::{Code, Failure, Key, Origin};

use crate::error::{ovseal_error, run};
use crate::key::ovseal_key;
use crate::progress::{Progress, ovseal_progress};
use crate::publisher::ovseal_publisher_key;
use crate::text::{Required, change, give, path, text};

/// How a model is sealed. Free it with `ovseal_seal_options_free`.
#[derive(Default)]
pub struct ovseal_seal_options {
    key: Key,
    publishers: Vec<Arc<PublisherKey>>,
    name: Option<ModelName>,
    security_version: u64,
    pub(crate) model: ModelOptions,
    allow_mixed: bool,
    replace: bool,
    private: bool,
    threads: Option<NonZeroUsize>,
    progress: Option<Progress>,
}

/// Makes settings without recipients, under the name of the model's file, security version 0, unsigned.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_new(
    options: Option<&mut MaybeUninit<*mut ovseal_seal_options>>,
) -> *mut ovseal_error {
    run(|| {
        give(options.required("options")?, ovseal_seal_options::default());
        Ok(())
    })
}

/// Adds keys to which the container is sealed: each that can be sealed to.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_add_recipient(
    options: Option<&mut ovseal_seal_options>,
    key: Option<&ovseal_key>,
) -> *mut ovseal_error {
    change(options, |options| {
        let key = key.required("key")?.0.to_be_sealed_to()?;
        options.key = std::mem::take(&mut options.key).and(key);
        Ok(())
    })
}

/// Signs the container with this key; several may sign.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_add_publisher_key(
    options: Option<&mut ovseal_seal_options>,
    key: Option<&ovseal_publisher_key>,
) -> *mut ovseal_error {
    change(options, |options| {
        options.publishers.push(Arc::clone(&key.required("key")?.0));
        Ok(())
    })
}

/// Sets the model's name, of 1 to 256 bytes without control characters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_seal_options_set_name(
    options: Option<&mut ovseal_seal_options>,
    name: *const c_char,
) -> *mut ovseal_error {
    change(options, |options| {
        // SAFETY: the header demands a text.
        options.name = Some(ModelName::parse(unsafe { text(name, "name") }?)?);
        Ok(())
    })
}

/// Sets the security version, of which devices can demand a least.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_security_version(
    options: Option<&mut ovseal_seal_options>,
    version: u64,
) -> *mut ovseal_error {
    change(options, |options| {
        options.security_version = version;
        Ok(())
    })
}

/// Sets whether exactly the one file that is named is sealed, without companions.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_only(
    options: Option<&mut ovseal_seal_options>,
    only: bool,
) -> *mut ovseal_error {
    change(options, |options| {
        options.model.only = only;
        Ok(())
    })
}

/// Sets whether symbolic links inside the model are followed instead of refused.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_follow_symlinks(
    options: Option<&mut ovseal_seal_options>,
    follow: bool,
) -> *mut ovseal_error {
    change(options, |options| {
        options.model.follow_symlinks = follow;
        Ok(())
    })
}

/// Leaves out the files of a folder that match a pattern, in the syntax of gitignore, in addition to earlier patterns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_seal_options_add_exclude(
    options: Option<&mut ovseal_seal_options>,
    pattern: *const c_char,
) -> *mut ovseal_error {
    change(options, |options| {
        // SAFETY: the header demands a text.
        options.model.exclude.push(unsafe { text(pattern, "pattern") }?.to_owned());
        Ok(())
    })
}

/// Sets whether every file of a folder is sealed, also `.git`, `.cache`, `.ipynb_checkpoints`, `__pycache__`, `.DS_Store`, `.env`,
/// `*.ovseal*`, and what a file `.ovsealignore` matches. Excluded patterns still apply, and private keys are refused all the same,
/// apart from a file that only looks like a key file.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_include_everything(
    options: Option<&mut ovseal_seal_options>,
    include: bool,
) -> *mut ovseal_error {
    change(options, |options| {
        options.model.include_everything = include;
        Ok(())
    })
}

/// Sets whether post-quantum and classical public keys may stand beside each other.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_allow_mixed(
    options: Option<&mut ovseal_seal_options>,
    allow: bool,
) -> *mut ovseal_error {
    change(options, |options| {
        options.allow_mixed = allow;
        Ok(())
    })
}

/// Sets whether an existing container may be replaced. Anything else in its place never is.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_replace(
    options: Option<&mut ovseal_seal_options>,
    replace: bool,
) -> *mut ovseal_error {
    change(options, |options| {
        options.replace = replace;
        Ok(())
    })
}

/// Sets whether the container is readable for its owner alone. Otherwise the umask decides.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_private(
    options: Option<&mut ovseal_seal_options>,
    private: bool,
) -> *mut ovseal_error {
    change(options, |options| {
        options.private = private;
        Ok(())
    })
}

/// Sets how many threads encrypt; 0 is as many as there are processors.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_threads(
    options: Option<&mut ovseal_seal_options>,
    threads: usize,
) -> *mut ovseal_error {
    change(options, |options| {
        options.threads = NonZeroUsize::new(threads);
        Ok(())
    })
}

/// Sets a call-back that follows the sealing and can cancel it; NULL for none.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_set_progress(
    options: Option<&mut ovseal_seal_options>,
    progress: ovseal_progress,
    context: *mut c_void,
) -> *mut ovseal_error {
    change(options, |options| {
        options.progress = Progress::new(progress, context);
        Ok(())
    })
}

/// Frees settings; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_seal_options_free(options: Option<Box<ovseal_seal_options>>) {
    drop(options);
}

/// Seals the model at `model`, a file with its companions or a folder, into a container at `output`, which appears whole or not at all.
///
/// The container's length in bytes is written to `length`, unless that is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_seal(
    model: *const c_char,
    output: *const c_char,
    options: Option<&ovseal_seal_options>,
    length: Option<&mut MaybeUninit<u64>>,
) -> *mut ovseal_error {
    run(|| {
        let options = options.required("options")?;
        // SAFETY: the header demands a text.
        let model = unsafe { path(model, "model") }?;
        // SAFETY: likewise.
        let output = unsafe { path(output, "output") }?;
        let model = Model::find(model, options.model.clone())?;
        let sealed = options.seal(&model, output)?;
        if let Some(length) = length {
            length.write(sealed.length);
        }
        Ok(())
    })
}

impl ovseal_seal_options {
    fn seal(&self, model: &Model, output: &std::path::Path) -> Result<ovseal::Sealed, Failure> {
        let nameless = || Failure::new(Code::Usage, "the model's file gives it no name");
        let name = self.name.clone().or_else(|| model.default_name()).ok_or_else(nameless)?;
        let follow = |bytes| match self.progress {
            Some(progress) if !progress.tell(bytes) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let mut options = SealOptions::new(name)
            .security_version(self.security_version)
            .allow_mixed(self.allow_mixed)
            .replace(self.replace)
            .private(self.private)
            .progress(&follow);
        if let Some(threads) = self.threads {
            options = options.threads(threads);
        }
        options = self.key.origins().iter().map(Origin::file).fold(options, SealOptions::read_file);
        options = self.key.recipients().into_iter().fold(options, SealOptions::recipient);
        options = self.publishers.iter().fold(options, |options, key| options.publisher(key));
        Ok(options.seal(model, output)?)
    }
}
