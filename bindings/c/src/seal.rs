//! Sealing models.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use ovseal::{Model, ModelName, ModelOptions, SealOptions};
use ovseal_frontend::{Code, Failure, Key, Origin};

use crate::error::{ovseal_error, run};
use crate::key::ovseal_key;
use crate::progress::{Progress, ovseal_progress};
use crate::publisher::ovseal_publisher_key;
use crate::text::{bad_argument, list, objects, optional_text, path, text};
use crate::versioned::{self, Versioned};

/// Seals only the given file: no companion files, and no check that OpenVINO can load it.
pub const OVSEAL_SEAL_ONLY: u32 = 1;
/// Follows symbolic links inside the model, instead of rejecting them.
pub const OVSEAL_SEAL_FOLLOW_SYMLINKS: u32 = 2;
/// Seals every file of a directory, including those that are left out by default.
///
/// By default these are left out: `.git`, `.cache`, `.ipynb_checkpoints`, `__pycache__`,
/// `.DS_Store`, `.env`, `*.ovseal*`, and files that `.ovsealignore` matches. Patterns in `exclude`
/// still apply. Private keys are still rejected, except for a file that merely looks like a key
/// file.
pub const OVSEAL_SEAL_INCLUDE_EVERYTHING: u32 = 4;
/// Allows post-quantum and classical public keys in one container.
pub const OVSEAL_SEAL_ALLOW_MIXED: u32 = 8;
/// Replaces an existing container. Any other existing file is an error.
pub const OVSEAL_SEAL_REPLACE: u32 = 16;
/// Makes the container readable by its owner only. Otherwise the umask applies.
pub const OVSEAL_SEAL_PRIVATE: u32 = 32;

/// Options for sealing. Start from `OVSEAL_SEAL_OPTIONS_INIT`.
///
/// Zero is the default of every member but `size`. Sealing requires at least one recipient.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_seal_options {
    /// `sizeof(ovseal_seal_options)`.
    pub size: usize,
    /// Any of `OVSEAL_SEAL_*`, combined with `|`.
    pub flags: u32,
    /// The number of threads that encrypt; 0 for one per processor.
    pub threads: u32,
    /// The recipients. It must be possible to seal to each of these keys.
    pub recipients: *const *const ovseal_key,
    /// The number of recipients.
    pub recipient_count: usize,
    /// The keys that sign the container.
    pub publisher_keys: *const *const ovseal_publisher_key,
    /// The number of signing keys; 0 leaves the container unsigned.
    pub publisher_key_count: usize,
    /// The model's name, 1 to 256 bytes without control characters; NULL for the name of its file.
    pub name: *const c_char,
    /// The model's security version. Devices can require a minimum.
    pub security_version: u64,
    /// Files of a directory to leave out: patterns in the syntax of gitignore.
    pub exclude: *const *const c_char,
    /// The number of patterns.
    pub exclude_count: usize,
    /// Called as bytes are sealed, and can cancel; NULL for none.
    pub progress: ovseal_progress,
    /// Passed to `progress`.
    pub progress_context: *mut c_void,
}

// SAFETY: `repr(C)`, the size comes first, two `u32` fill one word, and zeros are NULL or 0.
unsafe impl Versioned for ovseal_seal_options {}

/// Seals the model at `model` into a container at `output`, which appears whole or not at all.
///
/// The model is a directory, or a file, whose companion files are also sealed. The container's
/// length in bytes is written to `length`, unless that is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_seal(
    model: *const c_char,
    output: *const c_char,
    options: *const ovseal_seal_options,
    length: Option<&mut MaybeUninit<u64>>,
) -> *mut ovseal_error {
    run(|| {
        // SAFETY: the header requires a path.
        let output = unsafe { path(output, "output") }?;
        // SAFETY: the header requires as many bytes as the size says.
        let options = unsafe { versioned::read(options, "options") }?;
        // SAFETY: the header requires that the pointers in the options are NULL or valid.
        let given = unsafe { options.given() }?;
        // SAFETY: as above; and a path.
        let model = unsafe { options.find(model) }?;
        let sealed = options.seal(given, &model, output)?;
        if let Some(length) = length {
            length.write(sealed.length);
        }
        Ok(())
    })
}

/// The keys and the name to which the options point.
struct Given<'o> {
    recipients: Vec<&'o Key>,
    signers: Vec<&'o ovseal_publisher_key>,
    name: Option<ModelName>,
}

impl ovseal_seal_options {
    /// Finds the files of the model that the options select.
    ///
    /// # Safety
    /// The patterns are valid, and `model` is NULL or a path.
    pub(crate) unsafe fn find(&self, model: *const c_char) -> Result<Model, Failure> {
        // SAFETY: the caller guarantees that the path is valid.
        let model = unsafe { path(model, "model") }?;
        // SAFETY: the caller guarantees that the patterns are valid.
        Ok(Model::find(model, unsafe { self.model() }?)?)
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// # Safety
    /// The patterns are valid strings.
    unsafe fn model(&self) -> Result<ModelOptions, Failure> {
        if self.flags & !KNOWN_FLAGS != 0 {
            return Err(bad_argument("options->flags has bits other than OVSEAL_SEAL_*"));
        }
        // SAFETY: the caller guarantees as many patterns as it says.
        let patterns = unsafe { list(self.exclude, self.exclude_count, "options->exclude") }?;
        // SAFETY: the caller guarantees that each string is valid.
        let patterns = patterns.iter().map(|pattern| unsafe { text(*pattern, "a pattern") });
        Ok(ModelOptions {
            only: self.has(OVSEAL_SEAL_ONLY),
            follow_symlinks: self.has(OVSEAL_SEAL_FOLLOW_SYMLINKS),
            exclude: patterns.map(|pattern| pattern.map(str::to_owned)).collect::<Result<_, _>>()?,
            include_everything: self.has(OVSEAL_SEAL_INCLUDE_EVERYTHING),
        })
    }

    /// Reads keys and name, before reading any of the model.
    ///
    /// # Safety
    /// The pointers are NULL or valid.
    unsafe fn given(&self) -> Result<Given<'_>, Failure> {
        // SAFETY: the caller guarantees that the keys are valid.
        let keys = unsafe { objects(self.recipients, self.recipient_count, "options->recipients") }?;
        // SAFETY: as above.
        let signers =
            unsafe { objects(self.publisher_keys, self.publisher_key_count, "options->publisher_keys") }?;
        // SAFETY: the caller guarantees that the string is valid.
        let name = unsafe { optional_text(self.name, "options->name") }?.map(ModelName::parse).transpose()?;
        let recipients = keys.into_iter().map(|key| key.0.to_be_sealed_to()).collect::<Result<_, _>>()?;
        Ok(Given { recipients, signers, name })
    }

    fn seal(&self, given: Given<'_>, model: &Model, output: &Path) -> Result<ovseal::Sealed, Failure> {
        let nameless =
            || Failure::new(Code::Usage, "no name is given, and the file's own name is not a valid one");
        let name = given.name.or_else(|| model.default_name()).ok_or_else(nameless)?;
        let progress = Progress::new(self.progress, self.progress_context);
        let follow = |bytes| match progress {
            Some(progress) if !progress.report(bytes) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let mut options = SealOptions::new(name)
            .security_version(self.security_version)
            .allow_mixed(self.has(OVSEAL_SEAL_ALLOW_MIXED))
            .replace(self.has(OVSEAL_SEAL_REPLACE))
            .private(self.has(OVSEAL_SEAL_PRIVATE))
            .progress(&follow);
        if let Some(threads) = NonZeroUsize::new(self.threads as usize) {
            options = options.threads(threads);
        }
        for key in given.recipients {
            options = key.origins().iter().map(Origin::file).fold(options, SealOptions::read_file);
            options = key.recipients().into_iter().fold(options, SealOptions::recipient);
        }
        options = given.signers.into_iter().fold(options, |options, key| options.publisher(&key.0));
        Ok(options.seal(model, output)?)
    }
}

const KNOWN_FLAGS: u32 = OVSEAL_SEAL_ONLY
    | OVSEAL_SEAL_FOLLOW_SYMLINKS
    | OVSEAL_SEAL_INCLUDE_EVERYTHING
    | OVSEAL_SEAL_ALLOW_MIXED
    | OVSEAL_SEAL_REPLACE
    | OVSEAL_SEAL_PRIVATE;
