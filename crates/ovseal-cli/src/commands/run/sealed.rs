//! A container to run.

use std::time::Duration;

use ovseal::{OpenOptions, Opened};
use ovseal_openvino::{
    CacheError, Compilation, CompileCache, Core, Loaded, Loader, NetworkError, Observer, Operation,
    Plaintext, SealedModelError, Source, Step,
};

use super::RunArgs;
use super::report::{Origin, Seconds};
use super::{cache, inputs, strict};
use crate::errors::CommandError;
use crate::keys::{Inputs, Keys, open_failure, trust};
use crate::ui::{Output, Progress};

/// A container, with the caller's keys and requirements.
pub(super) struct Sealed<'a> {
    args: &'a RunArgs,
    options: OpenOptions,
    keys: Keys,
}

impl<'a> Sealed<'a> {
    /// Obtains the keys of the container.
    pub(super) fn obtain(args: &'a RunArgs) -> Result<Self, CommandError> {
        strict::check_host(args)?;
        let (mut options, mut inputs) = (trust::open_options(&args.trust)?, Inputs::default());
        options = options.kdf_limit(args.keys.kdf_limit);
        if let Some(bytes) = args.memory_budget {
            options = options.memory_budget(bytes);
        }
        trust::check_sender(&options, &args.model)?;
        let keys = Keys::obtain(&args.keys, &args.model, &mut inputs)?;
        if let Some(state) = args.rollback.state(&args.keys, &keys, &mut inputs)? {
            options = options.rollback_state(state);
        }
        Ok(Self { args, options, keys })
    }

    /// Opens the container and loads its model.
    pub(super) fn load(
        self,
        core: &Core,
        cache: Option<&CompileCache>,
        seconds: &mut Seconds,
        output: &mut Output,
    ) -> Result<(Loaded, Origin), CommandError> {
        let args = self.args;
        let progress = Progress::of_file(&args.model);
        let opened = seconds.time(|seconds| &mut seconds.open_s, || self.open(&progress))?;
        trust::warn_if_unsigned(&args.trust.sender, opened.claimed_publishers(), output);
        let origin = Origin { is_sealed: true, publisher: opened.publisher(), opening: None };
        let compilation = Compilation {
            part: args.part.clone(),
            shapes: inputs::shapes(args),
            ..Compilation::on(args.device.as_str())
        };
        let observer = Watch { args, origin, progress: &progress, seconds, output };
        let mut loader = Loader { core, compilation, opening: args.opening.into(), cache, observer };
        let loaded = loader.load(&opened)?;
        Ok((loaded, loader.observer.origin))
    }

    /// Opens the container and wipes the keys, because the runtime must not find them in the
    /// process.
    fn open(self, progress: &Progress) -> Result<Opened, CommandError> {
        let path = &self.args.model;
        let options = self.options.progress(progress.callback());
        let opened = options.open(path, &self.keys.identities());
        opened.map_err(|error| self.keys.failure(path, error))
    }
}

/// Observes a load: measures it, shows its progress, and stops it if `--strict` requires that.
struct Watch<'w> {
    args: &'w RunArgs,
    origin: Origin,
    progress: &'w Progress,
    seconds: &'w mut Seconds,
    output: &'w mut Output,
}

impl Observer for Watch<'_> {
    type Error = CommandError;

    fn error(&self, error: SealedModelError) -> CommandError {
        match error {
            SealedModelError::Open(error) => open_failure(&self.args.model, error),
            error if is_about_options(&error) => error.into(),
            error => CommandError::from(error).context(self.args.model.display().to_string()),
        }
    }

    fn cache_unavailable(&mut self, error: CacheError) {
        cache::warn(&error.into(), self.output);
    }

    fn decrypting(&mut self, source: Source, length: u64) -> Result<(), CommandError> {
        strict::check_lockable(self.args, length)?;
        if source == Source::Container {
            self.progress.set_total(length);
        }
        Ok(())
    }

    fn decrypted(&mut self, plaintext: Plaintext) -> Result<(), CommandError> {
        strict::check_locked(self.args, plaintext.is_locked)?;
        if plaintext.source == Source::Container {
            self.origin.opening = Some(if plaintext.is_overlapped { "overlapped" } else { "eager" });
        }
        Ok(())
    }

    fn finished(&mut self, step: Step, took: Duration) {
        let field = match step {
            Step::Cache => &mut self.seconds.cache_load_s,
            Step::Decrypt => &mut self.seconds.open_s,
            Step::Read => &mut self.seconds.read_model_s,
            Step::Compile => &mut self.seconds.compile_s,
        };
        *field += took.as_secs_f64();
    }
}

/// Returns whether an error is about the command's options rather than the container.
fn is_about_options(error: &SealedModelError) -> bool {
    match error {
        SealedModelError::FixedShapes => true,
        SealedModelError::Model(NetworkError::UnknownInput { .. } | NetworkError::NoAxes { .. }) => true,
        SealedModelError::Model(NetworkError::Runtime(error)) => error.operation() == Operation::Reshape,
        _ => false,
    }
}
