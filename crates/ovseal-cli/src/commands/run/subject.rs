//! What is run: a container, or a plaintext model to compare it with.

use std::cell::Cell;
use std::path::Path;

use ovseal::{KeyId, OpenOptions, Opened, RollbackState};
use ovseal_memory::{Swap, protections};
use ovseal_openvino::{CompiledModel, Core, Decrypted};

use super::inputs;
use super::report::Seconds;
use crate::args::{OpeningChoice, RunArgs};
use crate::error::{CommandError, Kind};
use crate::input::Inputs;
use crate::keys::Keys;
use crate::output::Output;
use crate::progress::Progress;
use crate::trust;

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
    keys: Keys,
    publisher: Cell<Option<KeyId>>,
    is_overlapped: Cell<bool>,
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
        let mut options = trust::open_options(&args.trust)?;
        if let Some(state) = &args.rollback_state {
            options = options.rollback_state(RollbackState::new(state));
        }
        let keys = Keys::obtain(&args.keys, &args.model, &mut Inputs::default())?;
        Ok(Self::Sealed(Box::new(Sealed {
            args,
            options,
            keys,
            publisher: Cell::default(),
            is_overlapped: Cell::default(),
        })))
    }

    /// Reads the model into the runtime and compiles it.
    pub(super) fn compile(
        &self,
        core: &Core,
        seconds: &mut Seconds,
        output: &mut Output,
    ) -> Result<CompiledModel, CommandError> {
        match self {
            Self::Plaintext(args) => compile_plaintext(args, core, seconds),
            Self::Sealed(sealed) => sealed.compile(core, seconds, output),
        }
    }

    /// Whether it is a container.
    pub(super) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    /// How the weights came into memory; nothing for a plaintext model.
    pub(super) fn opening(&self) -> Option<&'static str> {
        match self {
            Self::Sealed(sealed) if sealed.is_overlapped.get() => Some("overlapped"),
            Self::Sealed(_) => Some("eager"),
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
    fn compile(
        &self,
        core: &Core,
        seconds: &mut Seconds,
        output: &mut Output,
    ) -> Result<CompiledModel, CommandError> {
        let path = &self.args.model;
        let failure = |error| sealed_failure(path, error);
        let (opened, decrypted) = seconds.time(|seconds| &mut seconds.open, || self.open())?;
        self.check_swap(&decrypted)?;
        trust::warn_of_any_sender(&self.args.trust, &opened, output);
        self.publisher.set(opened.publisher());
        self.is_overlapped.set(decrypted.is_overlapped());
        let mut model = seconds
            .time(|seconds| &mut seconds.read_model, || core.read_decrypted(decrypted))
            .map_err(failure)?;
        inputs::reshape(&mut model, &self.args.shapes)?;
        let compile = || model.compile(core, &self.args.device, &[]);
        let compiled = seconds.time(|seconds| &mut seconds.compile, compile).map_err(failure)?;
        opened.accept().map_err(|error| self.keys.failure(path, error))?;
        Ok(compiled)
    }

    fn check_swap(&self, decrypted: &Decrypted) -> Result<(), CommandError> {
        if self.args.strict && protections().swap != Swap::Absent && !decrypted.is_locked() {
            return Err(refused(
                "the weights could be swapped to disk: they exceed the limit of locked memory",
            ));
        }
        Ok(())
    }

    /// Opens the container and decrypts the network, under a bar.
    fn open(&self) -> Result<(Opened, Decrypted), CommandError> {
        let (path, part) = (&self.args.model, self.args.part.as_deref());
        let progress = Progress::of_file(path);
        let options = self.options.clone().progress(progress.callback());
        let opened = options.open(path, &self.keys.identities());
        let opened = opened.map_err(|error| self.keys.failure(path, error))?;
        let decrypt = || {
            progress.set_total(Decrypted::length(&opened, part)?);
            Decrypted::read(&opened, part, &self.args.device, self.args.opening.into())
        };
        let decrypted = decrypt().map_err(|error| sealed_failure(path, error))?;
        Ok((opened, decrypted))
    }
}

fn sealed_failure(path: &Path, error: ovseal_openvino::SealedModelError) -> CommandError {
    CommandError::from(error).context(path.display().to_string())
}

/// A plaintext model has no keys, no publisher and no parts.
fn plaintext<'a>(args: &'a RunArgs) -> Result<Subject<'a>, CommandError> {
    let extension = args.model.extension().and_then(|extension| extension.to_str());
    if !extension.is_some_and(|extension| ["xml", "onnx", "pdmodel"].contains(&extension)) {
        let error = ovseal::OpenError::NotAContainer;
        return Err(CommandError::from(error).context(args.model.display().to_string()));
    }
    let demands = args.keys.is_given()
        || !args.trust.publishers.is_empty()
        || args.trust.name.is_some()
        || args.trust.min_security_version.is_some()
        || args.rollback_state.is_some()
        || args.strict
        || args.opening != OpeningChoice::Auto
        || args.part.is_some();
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
    if args.trust.publishers.is_empty() {
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
