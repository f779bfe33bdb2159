//! A network on a device.

use std::ffi::{CString, c_char};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use openvino_sys as ov;
use ovseal::PartMapping;
use rustix::io::Errno;

use crate::error::{ModelError, OpenVinoError, Operation, TensorError, check};
use crate::exported::ExportedModel;
use crate::handle::Handle;
use crate::port::{self, Port, RawPort};
use crate::request::{InferRequest, InputKey};
use crate::text;
use crate::weights::KeepAlive;

/// A network that is compiled for a device and ready to infer.
///
/// Clones share the one compiled network; it is freed with the last of them and of its requests, and only then the owner of
/// the weights, or of the bytes from which it was imported.
#[derive(Clone)]
pub struct CompiledModel {
    shared: Arc<Shared>,
}

struct Shared {
    // Fields are dropped in this order: the network first, then what it runs on and reads.
    handle: Handle<ov::ov_compiled_model_t>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// The core that compiled, and the one that read the model: mostly the same.
    _cores: [Arc<Handle<ov::ov_core_t>>; 2],
    _weights: KeepAlive,
    /// The weights, where they can be given back and come again.
    released: ReleaseOnce,
}

/// Gives the pages of weights back after the first inference.
#[derive(Default)]
struct ReleaseOnce {
    weights: Vec<PartMapping>,
    is_done: AtomicBool,
}

impl CompiledModel {
    pub(crate) fn new(
        handle: Handle<ov::ov_compiled_model_t>,
        cores: [Arc<Handle<ov::ov_core_t>>; 2],
        weights: KeepAlive,
    ) -> Result<Self, ModelError> {
        let inputs = inputs(&handle)?;
        let outputs = outputs(&handle)?;
        let released = ReleaseOnce::default();
        let shared = Shared { handle, inputs, outputs, _cores: cores, _weights: weights, released };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Says which weights the compiled network reads, so that their pages are given back after the first inference.
    pub(crate) fn reading(mut self, weights: Vec<PartMapping>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.released.weights = weights;
        }
        self
    }

    /// Gives the pages of the weights back to the kernel. What the device reads of them later is decrypted again.
    ///
    /// This happens by itself, in the background, after the first inference, unless they are [kept](Self::keep_weights). Call it
    /// when no inference follows soon, or to wait until it is done.
    pub fn release_weights(&self) {
        self.shared.released.is_done.store(true, Ordering::Relaxed);
        for weights in &self.shared.released.weights {
            weights.release();
        }
    }

    /// Keeps the pages of the weights until [`release_weights`](Self::release_weights) is called, after the first inference too.
    ///
    /// For a compiled model that is to be [exported](Self::export) after an inference: an export needs all of them, and would
    /// have them decrypted again.
    pub fn keep_weights(&self) {
        self.shared.released.is_done.store(true, Ordering::Relaxed);
    }

    /// Notes that an inference has succeeded.
    pub(crate) fn note_inference(&self) {
        let ReleaseOnce { weights, is_done } = &self.shared.released;
        if !weights.is_empty() && !is_done.swap(true, Ordering::Relaxed) {
            weights.iter().for_each(PartMapping::release_in_background);
        }
    }

    /// Returns the inputs in the model's order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.shared.inputs
    }

    /// Returns the outputs in the model's order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.shared.outputs
    }

    /// Asks for a property of the compiled model, such as `OPTIMAL_NUMBER_OF_INFER_REQUESTS`, as text.
    ///
    /// # Errors
    ///
    /// [`ModelError::Runtime`] when the device has no such property.
    pub fn property(&self, name: &str) -> Result<String, ModelError> {
        let name = text::named("property", name)?;
        let mut value: *mut c_char = std::ptr::null_mut();
        let compiled = self.shared.handle.as_ptr();
        // SAFETY: the compiled model and the name are alive; `value` takes the result.
        let status = unsafe { ov::ov_compiled_model_get_property(compiled, name.as_ptr(), &mut value) };
        check(Operation::InspectModel, status)?;
        // SAFETY: the call succeeded and gave the string away.
        Ok(unsafe { text::take(value) }.unwrap_or_default())
    }

    /// Prepares inferences. Each request infers one after the other; several requests infer at the same time.
    ///
    /// # Errors
    ///
    /// When the device has no more memory.
    pub fn create_request(&self) -> Result<InferRequest, OpenVinoError> {
        let compiled = self.shared.handle.as_ptr();
        let handle = Handle::create(Operation::CreateRequest, |place| {
            // SAFETY: the compiled model is alive; `place` takes the result.
            unsafe { ov::ov_compiled_model_create_infer_request(compiled, place) }
        })?;
        Ok(InferRequest::new(handle, self.clone()))
    }

    /// Writes the compiled network to memory, so that [`Core::import`](crate::Core::import) need not compile again.
    ///
    /// The bytes contain the weights and the topology in plaintext. They never have a path: an export to a file is
    /// deliberately not offered.
    ///
    /// # Errors
    ///
    /// [`ModelError::Memory`] without memory, [`ModelError::Runtime`] when the device cannot export.
    pub fn export(&self) -> Result<ExportedModel, ModelError> {
        // The runtime hands the weights' own memory to `write`, which cannot wait for pages that were given back. They were
        // all there once, and a chunk that does not come again ends the process: there is no other failure.
        let populated = self.shared.released.weights.iter().map(PartMapping::populate);
        let _populated =
            populated.collect::<Result<Vec<_>, _>>().map_err(|_| ModelError::Memory(Errno::FAULT))?;
        ExportedModel::write(|path| {
            // SAFETY: the compiled model is alive; the path is a string with a final zero byte.
            unsafe { ov::ov_compiled_model_export_model(self.shared.handle.as_ptr(), path.as_ptr()) }
        })
    }

    /// Finds an input by number, by the name in [`Self::inputs`], or by another name that the runtime knows it by.
    pub(crate) fn input_port(&self, input: InputKey<'_>) -> Result<RawPort, TensorError> {
        match input {
            InputKey::Index(index) if index < self.inputs().len() => self.input_at(index),
            InputKey::Index(index) => Err(TensorError::UnknownInput { name: index.to_string() }),
            InputKey::Name(name) => match self.inputs().iter().position(|port| port.name == name) {
                Some(index) => self.input_at(index),
                None => self.input_named(name),
            },
        }
    }

    fn input_at(&self, index: usize) -> Result<RawPort, TensorError> {
        let compiled = self.shared.handle.as_ptr();
        let port = RawPort::create(Operation::SetInput, |place| {
            // SAFETY: the compiled model is alive; `place` takes the result.
            unsafe { ov::ov_compiled_model_input_by_index(compiled, index, place) }
        })?;
        Ok(port)
    }

    /// Finds an input by any of its names, or by the one that [`inputs`](Self::inputs) gives.
    #[must_use]
    pub fn input_index(&self, name: &str) -> Option<usize> {
        let (compiled, c_name) = (self.shared.handle.as_ptr(), CString::new(name).ok()?);
        port::index_of(self.inputs(), name, |place| {
            // SAFETY: the compiled model and the name are alive; `place` takes the result.
            unsafe { ov::ov_compiled_model_input_by_name(compiled, c_name.as_ptr(), place) }
        })
    }

    fn input_named(&self, name: &str) -> Result<RawPort, TensorError> {
        let c_name = CString::new(name).map_err(|_| TensorError::ZeroByte)?;
        let compiled = self.shared.handle.as_ptr();
        // The only way in which this fails is that there is no such name.
        RawPort::create(Operation::SetInput, |place| {
            // SAFETY: the compiled model and the name are alive; `place` takes the result.
            unsafe { ov::ov_compiled_model_input_by_name(compiled, c_name.as_ptr(), place) }
        })
        .map_err(|_| TensorError::UnknownInput { name: name.to_owned() })
    }
}

fn inputs(handle: &Handle<ov::ov_compiled_model_t>) -> Result<Vec<Port>, ModelError> {
    let compiled = handle.as_ptr();
    port::ports(
        "input",
        // SAFETY: the compiled model is alive; `number` takes the result.
        |number| unsafe { ov::ov_compiled_model_inputs_size(compiled, number) },
        // SAFETY: the compiled model is alive; `place` takes the result.
        |index, place| unsafe { ov::ov_compiled_model_input_by_index(compiled, index, place) },
    )
}

fn outputs(handle: &Handle<ov::ov_compiled_model_t>) -> Result<Vec<Port>, ModelError> {
    let compiled = handle.as_ptr();
    port::ports(
        "output",
        // SAFETY: the compiled model is alive; `number` takes the result.
        |number| unsafe { ov::ov_compiled_model_outputs_size(compiled, number) },
        // SAFETY: the compiled model is alive; `place` takes the result.
        |index, place| unsafe { ov::ov_compiled_model_output_by_index(compiled, index, place) },
    )
}
