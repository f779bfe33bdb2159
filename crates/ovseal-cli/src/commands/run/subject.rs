//! The model to run: a container, or a plaintext model to compare it with.

use ovseal_openvino::{CompileCache, CompiledModel, Core, Loaded};

use super::inputs;
use super::options::{OpeningChoice, RunArgs};
use super::report::{Origin, Seconds};
use super::sealed::Sealed;
use crate::errors::{CommandError, Kind};
use crate::ui::Output;

/// A model before it is opened.
pub(super) enum Subject<'a> {
    /// A container, with everything that opening it needs.
    Sealed(Box<Sealed<'a>>),
    /// A plaintext model.
    Plaintext(&'a RunArgs),
}

impl<'a> Subject<'a> {
    /// Reads the file's first bytes, and obtains the keys if it is a container.
    pub(super) fn find(args: &'a RunArgs) -> Result<Self, CommandError> {
        let is_container = ovseal::is_container_file(&args.model).map_err(|error| {
            CommandError::new(Kind::Environment, error)
                .context(format!("cannot read {}", args.model.display()))
        })?;
        if is_container {
            return Ok(Self::Sealed(Box::new(Sealed::obtain(args)?)));
        }
        check_plaintext(args)?;
        Ok(Self::Plaintext(args))
    }

    /// Loads the model onto the device. The keys are wiped before the runtime reads it.
    pub(super) fn load(
        self,
        core: &Core,
        cache: Option<&CompileCache>,
        seconds: &mut Seconds,
        output: &mut Output,
    ) -> Result<(Loaded, Origin), CommandError> {
        match self {
            Self::Sealed(sealed) => sealed.load(core, cache, seconds, output),
            Self::Plaintext(args) => {
                let model = compile_plaintext(args, core, seconds)?;
                let loaded = Loaded { model, is_cached: false, empty_slot: None };
                Ok((loaded, Origin::default()))
            }
        }
    }

    /// Returns whether it is a container.
    pub(super) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }
}

/// Rejects a file that OpenVINO does not read, and options that need a container.
fn check_plaintext(args: &RunArgs) -> Result<(), CommandError> {
    let path = args.model.display();
    let extension = args.model.extension().and_then(|extension| extension.to_str());
    if !extension.is_some_and(|extension| PLAINTEXT.contains(&extension)) {
        let error = ovseal::OpenError::NotAContainer;
        return Err(CommandError::from(error).context(path.to_string()));
    }
    if args.cache_dir.is_some() {
        let message = format!("{path} is a plaintext model: the cache is sealed with the key of a container");
        return Err(CommandError::usage(message));
    }
    let needs_container = args.keys.is_given()
        || args.trust.is_given()
        || args.rollback.rollback_state.is_some()
        || args.strict
        || args.opening != OpeningChoice::Auto
        || args.memory_budget.is_some()
        || args.part.is_some();
    if needs_container {
        let message = format!("{path} is a plaintext model: it has no key, publisher or parts");
        return Err(CommandError::usage(message));
    }
    Ok(())
}

fn compile_plaintext(
    args: &RunArgs,
    core: &Core,
    seconds: &mut Seconds,
) -> Result<CompiledModel, CommandError> {
    let mut network =
        seconds.time(|seconds| &mut seconds.read_model_s, || core.read_model_from_path(&args.model))?;
    let shapes = inputs::shapes(args);
    if !shapes.is_empty() {
        let shapes: Vec<_> = shapes.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect();
        network.reshape(&shapes)?;
    }
    Ok(seconds.time(|seconds| &mut seconds.compile_s, || core.compile(&network, &args.device, &[]))?)
}

/// The extensions of the models that OpenVINO reads from a path.
const PLAINTEXT: [&str; 7] = ["xml", "onnx", "pdmodel", "tflite", "pb", "pbtxt", "meta"];
