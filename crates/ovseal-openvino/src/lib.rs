//! Runs models on the OpenVINO runtime, with their plaintext in memory only.
//!
//! This is a thin, safe wrapper around OpenVINO's C interface. The runtime is located and loaded
//! when the program runs, so building does not require OpenVINO.
//!
//! | to | use |
//! |---|---|
//! | locate and load the runtime | [`Runtime`], [`Environment`] |
//! | load the model of an opened container onto a device | [`Loader`], [`Compilation`] |
//! | choose when its weights are decrypted | [`Opening`] |
//! | keep compiled models, sealed, for the next start | [`CompileCache`] |
//! | run inferences | [`CompiledModel`], [`InferRequest`], [`Tensor`], [`TensorView`] |
//! | read, compile and import models step by step | [`Core`], [`Network`], [`PendingModel`] |
//! | export a compiled model to memory | [`ExportedModel`] |
//! | convert a model to IR, in memory, to seal it | [`ConvertedModel`] |
//!
//! # Lifetimes
//!
//! OpenVINO shares the memory of the weights, and reads small constants in place as long as a
//! compiled model lives. It also goes on reading the bytes from which a compiled model was
//! imported. Each [`Network`], [`CompiledModel`] and [`InferRequest`] therefore holds the
//! [`Arc`](std::sync::Arc) that owns those bytes. In whatever order you drop them, the owner is
//! dropped last and can zeroize its memory.
//!
//! # What this does not protect
//!
//! The runtime makes its own copies of the topology and, for most devices, of repacked weights.
//! These copies are in ordinary memory, and are not zeroized when the runtime frees them.
//! Properties that make a plugin write a cache are rejected; properties that make it write other
//! files are not. The runtime's own parsers read the topology: read only authentic models.
//!
//! # Example
//!
//! ```no_run
//! use std::path::Path;
//! use ovseal::{KeyFile, OpenOptions, Publisher, Trust};
//! use ovseal_openvino::{Compilation, Core, ElementType, Environment, Opening, Runtime, Tensor};
//!
//! # fn run(key: KeyFile, acme: Publisher) -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::locate(None, &Environment::from_process())?;
//! let core = Core::new(&runtime)?;
//! let options = OpenOptions::new(Trust::Publishers(vec![acme]));
//! let opened = options.open(Path::new("model.ovseal"), &[&key])?;
//! let compiled = core.compile_sealed(&opened, &Compilation::on("CPU"), Opening::Auto)?;
//! let mut request = compiled.create_request()?;
//! request.set_input("x", Tensor::new(&runtime, ElementType::F32, &[1, 3, 32, 32])?)?;
//! request.infer()?;
//! println!("{} bytes", request.output(0)?.bytes().len());
//! # Ok(())
//! # }
//! ```

mod cache;
mod convert;
mod debug;
mod load;
mod loader;
mod locate;
mod runtime;
mod sys;

pub use cache::{CacheEntry, CacheError, CacheFolder, CacheSlot, Cached, Cleared, CompileCache};
pub use convert::{ConvertError, ConvertedModel, Precision};
pub use load::{Compilation, Decrypted, Opening, PendingModel, SealedModelError, find_compiled};
pub use loader::{Loaded, Loader, Observer, Plaintext, Source, Step};
pub use locate::{Environment, LocateError, Place};
pub use runtime::{
    Cause, CompiledModel, Core, Dimension, ElementType, ExportedModel, InferRequest, InputKey, Network,
    NetworkError, OpenVinoError, Operation, PartialShape, PluginFacts, Port, Runtime, RuntimeFacts, Status,
    Tensor, TensorError, TensorView, Weights, writes_model,
};
