//! Runs models on the OpenVINO runtime, with their plaintext in memory only.
//!
//! This is a thin, safe layer over OpenVINO's C interface. The runtime is found and loaded when the program runs, so
//! that building needs no OpenVINO.
//!
//! | need | type |
//! |---|---|
//! | find and load the runtime | [`Runtime`], [`Environment`] |
//! | read, compile and import models; read them from an opened container | [`Core`] |
//! | when the weights of an opened container are decrypted | [`Opening`] |
//! | a network that was read, before compilation | [`Model`], [`SealedModel`] |
//! | a network on a device | [`CompiledModel`] |
//! | one inference at a time | [`InferRequest`], [`Tensor`], [`TensorView`] |
//! | a compiled model as bytes, in memory | [`ExportedModel`] |
//! | compiled models that are kept, sealed, for the next start | [`CompileCache`], [`Compilation`] |
//! | an IR of a model in another format, in memory, to be sealed | [`ConvertedModel`] |
//!
//! # Lifetimes
//!
//! OpenVINO shares the memory of the weights and reads small constants in place as long as a compiled model lives. It
//! even goes on reading the bytes from which a compiled model was imported. Each [`Model`], [`CompiledModel`] and
//! [`InferRequest`] therefore holds the [`Arc`](std::sync::Arc) that owns those bytes: whatever the order in which they are
//! dropped, the owner is dropped (and can zeroize its memory) last.
//!
//! # What this does not protect
//!
//! The runtime makes its own copies of the topology and, for most devices, of repacked weights. They are ordinary
//! memory, and are not zeroized when the runtime frees them. A caller who passes a property that makes a plugin write
//! files, other than its cache, is not stopped. Topologies are read by the runtime's own parsers: read only what was found authentic.
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
//! let opened = OpenOptions::new(Trust::Publishers(vec![acme])).open(Path::new("model.ovseal"), &[&key])?;
//! let compilation = Compilation { part: None, device: "CPU", properties: &[], shapes: &[] };
//! let compiled = core.compile_sealed(&opened, &compilation, Opening::Auto)?;
//! let mut request = compiled.create_request()?;
//! request.set_input("x", Tensor::new(&runtime, ElementType::F32, &[1, 3, 32, 32])?)?;
//! request.infer()?;
//! println!("{} bytes", request.output(0)?.bytes().len());
//! # Ok(())
//! # }
//! ```

mod cache;
mod cause;
mod compiled;
mod convert;
mod core;
mod debug;
mod devices;
mod element_type;
mod environment;
mod error;
mod exported;
mod facts;
mod handle;
mod locate;
mod locate_error;
mod memory_file;
mod model;
mod port;
mod probe;
mod properties;
mod python;
mod request;
mod runtime;
mod sealed;
mod shape;
mod shape_constants;
mod tensor;
mod text;
mod weights;

pub use cache::{
    CacheEntry, CacheError, CacheFolder, CacheOutcome, CacheSlot, Cached, Cleared, Compilation, CompileCache,
};
pub use cause::Cause;
pub use compiled::CompiledModel;
pub use convert::{ConvertError, ConvertedModel, Precision};
pub use core::Core;
pub use element_type::ElementType;
pub use environment::Environment;
pub use error::{ModelError, OpenVinoError, Operation, Status, TensorError};
pub use exported::ExportedModel;
pub use facts::{PluginFacts, RuntimeFacts};
pub use locate_error::{LocateError, Place};
pub use model::Model;
pub use port::Port;
pub use properties::writes_model;
pub use request::{InferRequest, InputKey};
pub use runtime::Runtime;
pub use sealed::{Decrypted, Opening, SealedModel, SealedModelError, find_compiled};
pub use shape::{Dimension, PartialShape};
pub use tensor::{Tensor, TensorView};
pub use weights::Weights;
