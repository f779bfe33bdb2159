//! What is run: a container, or a plaintext model to compare it with.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ovseal::{KeyId, OpenOptions, Opened, RollbackState};
use ovseal_hardware::tpm2::TpmAnchor;
use ovseal_memory::{ModelMemory, Swap, protections};
use ovseal_openvino::{CacheSlot, CompiledModel, Core, Decrypted, SealedModelError, find_compiled};

use super::cache::{Cache, Loaded};
use super::inputs;
use super::report::Seconds;
use crate::args::{OpeningChoice, RunArgs};
use crate::errors::{CommandError, Kind};
use crate::keys::{Inputs, Keys, open_failure, tpm, trust};
use crate::ui::{Output, Progress};

/// A model before it is opened.
pub(super) enum Subject<'a> {
    /// A container, with everything that opening it needs.
    Sealed(Box<Sealed<'a>>),
    /// A plaintext model.
    Plaintext(&'a RunArgs),
}

/// A container, with the caller's keys and demands.
pub(super) struct Sealed<'a> {
    args: &'a RunArgs,
    options: OpenOptions,
    /// None once the container is open: the runtime must not find them in its process.
    keys: Cell<Keys>,
    publisher: Cell<Option<KeyId>>,
    /// How the weights came into memory.
    opening: Cell<Option<&'static str>>,
}

impl<'a> Subject<'a> {
    /// Looks at the file's first bytes, and obtains the keys if it is a container.
    pub(super) fn find(args: &'a RunArgs) -> Result<Self, CommandError> {
        let is_container = ovseal::is_container_file(&args.model).map_err(|error| {
            CommandError::new(Kind::Environment, error)
                .context(format!("cannot read {}", args.model.display()))
        })?;
        if !is_container {
            return plaintext(args);
        }
        check_strictness(args)?;
        let (mut options, mut inputs) = (trust::open_options(&args.trust)?, Inputs::default());
        options = options.kdf_limit(args.keys.kdf_limit);
        trust::check_sender(&options, &args.model)?;
        let keys = Keys::obtain(&args.keys, &args.model, &mut inputs)?;
        if let Some(path) = &args.rollback_state {
            options = options.rollback_state(rollback_state(args, path, &keys, &mut inputs)?);
        }
        Ok(Self::Sealed(Box::new(Sealed {
            args,
            options,
            keys: Cell::new(keys),
            publisher: Cell::default(),
            opening: Cell::default(),
        })))
    }

    /// Makes the model ready to infer.
    pub(super) fn load<'c>(
        &self,
        core: &Core,
        cache: &'c Cache<'_>,
        seconds: &mut Seconds,
        output: &mut Output,
    ) -> Result<Loaded<'c>, CommandError> {
        match self {
            Self::Plaintext(args) => {
                let compiled = compile_plaintext(args, core, seconds)?;
                Ok(Loaded::compiled(compiled, None))
            }
            Self::Sealed(sealed) => sealed.load(core, cache, seconds, output),
        }
    }

    /// Whether it is a container.
    pub(super) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    /// How the weights came into memory; nothing for a plaintext model and one that came out of the cache.
    pub(super) fn opening(&self) -> Option<&'static str> {
        match self {
            Self::Sealed(sealed) => sealed.opening.get(),
            Self::Plaintext(_) => None,
        }
    }

    /// The publisher whose signature was checked.
    pub(super) fn publisher(&self) -> Option<KeyId> {
        match self {
            Self::Sealed(sealed) => sealed.publisher.get(),
            Self::Plaintext(_) => None,
        }
    }
}

impl Sealed<'_> {
    fn load<'c>(
        &self,
        core: &Core,
        cache: &'c Cache<'_>,
        seconds: &mut Seconds,
        output: &mut Output,
    ) -> Result<Loaded<'c>, CommandError> {
        let opening = seconds.time(|seconds| &mut seconds.open, || self.open())?;
        let opened = &opening.opened;
        trust::warn_if_unsigned(&self.args.trust.sender, opened.claimed_publishers(), output);
        self.publisher.set(opened.publisher());
        let slot = cache.slot(core, opened, output);
        if forbids_swap(self.args)
            && let Some(length) = slot.as_ref().and_then(CacheSlot::length)
        {
            self.check_lockable(length)?;
        }
        let load = || slot.as_ref().and_then(|slot| slot.load(core));
        let cached = seconds.time(|seconds| &mut seconds.cache_load, load);
        let loaded = match cached {
            Some(cached) => {
                self.check_locked(cached.is_locked)?;
                Loaded { compiled: cached.model, slot, is_hit: true }
            }
            None => Loaded::compiled(self.compile(core, &opening, seconds)?, slot),
        };
        opened.accept().map_err(|error| open_failure(&self.args.model, error))?;
        Ok(loaded)
    }

    /// Opens the container, and wipes the keys.
    fn open(&self) -> Result<Opening, CommandError> {
        let path = &self.args.model;
        let progress = Progress::of_file(path);
        let options = self.options.clone().progress(progress.callback());
        let keys = self.keys.take();
        let opened = options.open(path, &keys.identities());
        Ok(Opening { opened: opened.map_err(|error| keys.failure(path, error))?, progress })
    }

    /// Decrypts the network under a bar, and compiles it.
    fn compile(
        &self,
        core: &Core,
        opening: &Opening,
        seconds: &mut Seconds,
    ) -> Result<CompiledModel, CommandError> {
        let (opened, part) = (&opening.opened, self.args.part.as_deref());
        let failure = |error| sealed_failure(&self.args.model, error);
        let (start, before) = (Instant::now(), seconds.open);
        let length = match Decrypted::length(opened, part) {
            Err(SealedModelError::Compiled { .. }) => return self.import(core, opening, seconds),
            length => length.map_err(failure)?,
        };
        self.check_lockable(length)?;
        opening.progress.set_total(length);
        let decrypted = Decrypted::read(opened, part, &self.args.device, self.args.opening.into());
        let decrypted = decrypted.map_err(failure)?;
        seconds.open = before + start.elapsed().as_secs_f64();
        self.check_locked(decrypted.is_locked())?;
        self.opening.set(Some(if decrypted.is_overlapped() { "overlapped" } else { "eager" }));
        let read = || core.read_decrypted(decrypted);
        let mut model = seconds.time(|seconds| &mut seconds.read_model, read).map_err(failure)?;
        inputs::reshape(&mut model, &self.args.shapes)?;
        let compile = || model.compile(core, &self.args.device, &[]);
        seconds.time(|seconds| &mut seconds.compile, compile).map_err(failure)
    }

    /// Decrypts a compiled model under a bar, and imports it.
    fn import(
        &self,
        core: &Core,
        opening: &Opening,
        seconds: &mut Seconds,
    ) -> Result<CompiledModel, CommandError> {
        if !self.args.shapes.is_empty() {
            return Err(CommandError::usage(
                "--shape does not go with a compiled model: its shapes are fixed",
            ));
        }
        let failure = |error| sealed_failure(&self.args.model, error);
        let part = find_compiled(&opening.opened, self.args.part.as_deref()).map_err(failure)?;
        self.check_lockable(part.length())?;
        opening.progress.set_total(part.length());
        let exported = seconds.time(|seconds| &mut seconds.open, || part.read_mapping());
        let exported = exported.map_err(|error| failure(error.into()))?;
        self.check_locked(exported.is_locked())?;
        self.opening.set(Some("eager"));
        let import = || core.import(Arc::new(exported), &self.args.device);
        seconds.time(|seconds| &mut seconds.compile, import).map_err(|error| failure(error.into()))
    }

    /// Refuses, where the caller is strict, to decrypt as many bytes as could not be locked: before the first of them is there.
    fn check_lockable(&self, length: u64) -> Result<(), CommandError> {
        if !forbids_swap(self.args) {
            return Ok(());
        }
        let memory = usize::try_from(length).ok().and_then(|length| ModelMemory::zeroed(length).ok());
        self.check_locked(memory.is_some_and(|memory| memory.is_locked()))
    }

    /// Refuses, where the caller is strict, plaintext that could be swapped to a disk.
    fn check_locked(&self, is_locked: bool) -> Result<(), CommandError> {
        if is_locked || !forbids_swap(self.args) {
            return Ok(());
        }
        Err(refused("the weights could be swapped to disk: they exceed the limit of locked memory"))
    }
}

/// Whether plaintext must stand in locked memory only: the caller is strict, and there is swap.
pub(super) fn forbids_swap(args: &RunArgs) -> bool {
    args.strict && protections().swap != Swap::Absent
}

/// An opened container, and the bar that counts what is decrypted of it.
struct Opening {
    opened: Opened,
    progress: Progress,
}

fn sealed_failure(path: &Path, error: ovseal_openvino::SealedModelError) -> CommandError {
    CommandError::from(error).context(path.display().to_string())
}

/// The rollback state, tied to this device's TPM if that is demanded. It shares the TPM's connection, and the PIN, with the key.
fn rollback_state(
    args: &RunArgs,
    path: &Path,
    keys: &Keys,
    inputs: &mut Inputs,
) -> Result<RollbackState, CommandError> {
    if !args.rollback_tpm {
        return Ok(RollbackState::new(path));
    }
    let identity = match keys.device() {
        Some(identity) => identity.clone(),
        None => tpm::identity(&args.keys.device, &args.keys.pin, inputs)?,
    };
    Ok(RollbackState::anchored(path, Arc::new(TpmAnchor::new(identity))))
}

/// Extensions of the models that OpenVINO reads from a path.
const PLAINTEXT: [&str; 7] = ["xml", "onnx", "pdmodel", "tflite", "pb", "pbtxt", "meta"];

/// A plaintext model has no keys, no publisher and no parts.
fn plaintext<'a>(args: &'a RunArgs) -> Result<Subject<'a>, CommandError> {
    let extension = args.model.extension().and_then(|extension| extension.to_str());
    if !extension.is_some_and(|extension| PLAINTEXT.contains(&extension)) {
        let error = ovseal::OpenError::NotAContainer;
        return Err(CommandError::from(error).context(args.model.display().to_string()));
    }
    let demands = args.keys.is_given()
        || args.trust.is_given()
        || args.rollback_state.is_some()
        || args.strict
        || args.opening != OpeningChoice::Auto
        || args.part.is_some();
    if args.cache_dir.is_some() {
        let message = format!(
            "{} is a plaintext model: the cache is sealed with the key of a container",
            args.model.display()
        );
        return Err(CommandError::usage(message));
    }
    if demands {
        let message =
            format!("{} is a plaintext model: it has no key, publisher or parts", args.model.display());
        return Err(CommandError::usage(message));
    }
    Ok(Subject::Plaintext(args))
}

fn compile_plaintext(
    args: &RunArgs,
    core: &Core,
    seconds: &mut Seconds,
) -> Result<CompiledModel, CommandError> {
    let mut model =
        seconds.time(|seconds| &mut seconds.read_model, || core.read_model_from_path(&args.model))?;
    inputs::reshape(&mut model, &args.shapes)?;
    Ok(seconds.time(|seconds| &mut seconds.compile, || core.compile(&model, &args.device, &[]))?)
}

/// Refuses, where the caller is strict, an unknown sender and a host that lacks a protection of keys and plaintext.
fn check_strictness(args: &RunArgs) -> Result<(), CommandError> {
    if !args.strict {
        return Ok(());
    }
    if args.trust.sender.publishers.is_empty() {
        return Err(refused("the sender is not known").hint("name the publisher with --publisher"));
    }
    match protections().missing().first() {
        None => Ok(()),
        Some(missing) => Err(refused(&missing.to_string()).hint("ovseal doctor shows what this host gives")),
    }
}

fn refused(why: &str) -> CommandError {
    CommandError::message(Kind::Denied, format!("refused by --strict: {why}"))
}
