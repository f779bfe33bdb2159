//! A network on a device.

use std::ffi::{CString, c_char};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use openvino_sys as ov;
use ovseal::PartMapping;
use ovseal_memory::memory_room;
use rustix::io::Errno;

use super::error::{NetworkError, TensorError, c_string};
use super::exported::ExportedModel;
use super::handle::Handle;
use super::openvino_error::{Operation, check};
use super::port::{self, InputKey, Port, RawPort};
use super::text;
use super::weights::KeepAlive;

/// A network compiled for a device and ready to infer.
///
/// Clones share one compiled network. It is freed with the last clone and the last request. Only
/// then is the owner of the weights, or of the imported bytes, dropped.
#[derive(Clone)]
pub struct CompiledModel {
    shared: Arc<Shared>,
}

struct Shared {
    // Dropped in this order: the network before the core that it runs on and the memory that it
    // reads.
    handle: Handle<ov::ov_compiled_model_t>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// The core that compiled the network, and the core that read it: usually the same.
    _cores: [Arc<Handle<ov::ov_core_t>>; 2],
    _weights: KeepAlive,
    /// The weights whose pages the kernel can take back, because they can be decrypted again.
    released: ReleaseOnce,
}

/// State for releasing the pages of weights once, after the first inference, unless they are kept.
#[derive(Default)]
struct ReleaseOnce {
    weights: Vec<PartMapping>,
    is_kept: AtomicBool,
    has_inferred: AtomicBool,
    is_done: AtomicBool,
}

impl ReleaseOnce {
    /// Releases the pages in the background, if nothing prevents it.
    ///
    /// Each caller sets its own flag first, so at least one of two concurrent callers sees both
    /// flags.
    fn release_if_due(&self) {
        let is_due = self.has_inferred.load(Ordering::SeqCst) && !self.is_kept.load(Ordering::SeqCst);
        if is_due && !self.is_done.swap(true, Ordering::SeqCst) {
            self.weights.iter().for_each(PartMapping::release_in_background);
        }
    }
}

impl CompiledModel {
    pub(crate) fn new(
        handle: Handle<ov::ov_compiled_model_t>,
        cores: [Arc<Handle<ov::ov_core_t>>; 2],
        weights: KeepAlive,
    ) -> Result<Self, NetworkError> {
        let inputs = inputs(&handle)?;
        let outputs = outputs(&handle)?;
        let released = ReleaseOnce::default();
        let shared = Shared { handle, inputs, outputs, _cores: cores, _weights: weights, released };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Sets the weights that the network reads, so that their pages are released after the first
    /// inference.
    pub(crate) fn reading(mut self, weights: Vec<PartMapping>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.released.weights = weights;
        }
        self
    }

    /// Releases the pages of the weights to the kernel. A page that the device reads later is
    /// decrypted again.
    ///
    /// The first inference releases them in the background, unless they are
    /// [kept](Self::keep_weights). Call this if no inference follows soon, or to wait until the
    /// pages are released.
    pub fn release_weights(&self) {
        self.shared.released.is_done.store(true, Ordering::SeqCst);
        for weights in &self.shared.released.weights {
            weights.release();
        }
    }

    /// Keeps the pages of the weights after the first inference, until
    /// [`release_weights`](Self::release_weights).
    ///
    /// Use this for a model that you will [export](Self::export) after an inference: an export
    /// reads all weights and would decrypt them again.
    pub fn keep_weights(&self) {
        self.shared.released.is_kept.store(true, Ordering::SeqCst);
    }

    /// Ends [`keep_weights`](Self::keep_weights). Releases the pages after the first inference, or
    /// now, in the background, if there was one.
    pub(crate) fn keep_weights_no_longer(&self) {
        self.shared.released.is_kept.store(false, Ordering::SeqCst);
        self.shared.released.release_if_due();
    }

    /// Releases the weights if this was the first inference.
    pub(crate) fn note_inference(&self) {
        let released = &self.shared.released;
        if !released.weights.is_empty() && !released.has_inferred.swap(true, Ordering::SeqCst) {
            released.release_if_due();
        }
    }

    /// Returns the bytes of weights that were decrypted again so far, because they had left memory.
    #[must_use]
    pub fn refilled_bytes(&self) -> u64 {
        self.shared.released.weights.iter().map(PartMapping::refilled_bytes).sum()
    }

    /// Returns the bytes of the weights that can be decrypted again.
    #[must_use]
    pub fn refillable_bytes(&self) -> u64 {
        self.shared.released.weights.iter().map(|weights| weights.len() as u64).sum()
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

    /// Returns a property of the compiled model, such as `OPTIMAL_NUMBER_OF_INFER_REQUESTS`, as
    /// a string.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Runtime`] if the device has no such property.
    pub fn property(&self, name: &str) -> Result<String, NetworkError> {
        let name = c_string("property", name)?;
        let mut value: *mut c_char = std::ptr::null_mut();
        let compiled = self.as_ptr();
        // SAFETY: the compiled model and the name are alive; `value` receives the result.
        let status = unsafe { ov::ov_compiled_model_get_property(compiled, name.as_ptr(), &mut value) };
        check(Operation::InspectModel, status)?;
        // SAFETY: the call succeeded and left the string to the caller.
        Ok(unsafe { text::take(value) }.unwrap_or_default())
    }

    /// Exports the compiled network to memory, for [`Core::import`](crate::Core::import).
    ///
    /// The bytes contain the weights and the topology in plaintext, and never have a path:
    /// exporting to a file is deliberately not offered.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Memory`] if there is no room for the weights and as much again;
    /// [`NetworkError::Runtime`] if the device cannot export.
    pub fn export(&self) -> Result<ExportedModel, NetworkError> {
        let weights = &self.shared.released.weights;
        let missing =
            weights.iter().map(|weights| weights.len() - weights.resident_bytes().min(weights.len()));
        let length = weights.iter().map(|weights| weights.len());
        if memory_room().is_some_and(|room| room < missing.chain(length).sum::<usize>() as u64) {
            return Err(NetworkError::Memory(Errno::NOMEM));
        }
        // The runtime passes the weights' own memory to `write(2)`, which cannot wait for released
        // pages. Populating the pages cannot fail here: they were all present before, and a chunk
        // that cannot be decrypted again ends the process.
        let populated = self.shared.released.weights.iter().map(PartMapping::populate);
        let _populated =
            populated.collect::<Result<Vec<_>, _>>().map_err(|_| NetworkError::Memory(Errno::FAULT))?;
        ExportedModel::write(|path| {
            // SAFETY: the compiled model is alive; the path is a string with a terminating zero
            // byte.
            unsafe { ov::ov_compiled_model_export_model(self.as_ptr(), path.as_ptr()) }
        })
    }

    pub(super) fn as_ptr(&self) -> *const ov::ov_compiled_model_t {
        self.shared.handle.as_ptr()
    }

    /// Finds an input by number or by any of its names.
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
        let compiled = self.as_ptr();
        let port = RawPort::create(Operation::SetInput, |place| {
            // SAFETY: the compiled model is alive; `place` receives the result.
            unsafe { ov::ov_compiled_model_input_by_index(compiled, index, place) }
        })?;
        Ok(port)
    }

    /// Returns the position of an input, by any of its names.
    #[must_use]
    pub fn input_index(&self, name: &str) -> Option<usize> {
        let (compiled, c_name) = (self.as_ptr(), CString::new(name).ok()?);
        port::index_of(self.inputs(), name, |place| {
            // SAFETY: the compiled model and the name are alive; `place` receives the result.
            unsafe { ov::ov_compiled_model_input_by_name(compiled, c_name.as_ptr(), place) }
        })
    }

    fn input_named(&self, name: &str) -> Result<RawPort, TensorError> {
        let c_name = CString::new(name).map_err(|_| TensorError::ZeroByte)?;
        let compiled = self.as_ptr();
        // Finding the port fails only if there is no such name.
        RawPort::create(Operation::SetInput, |place| {
            // SAFETY: the compiled model and the name are alive; `place` receives the result.
            unsafe { ov::ov_compiled_model_input_by_name(compiled, c_name.as_ptr(), place) }
        })
        .map_err(|_| TensorError::UnknownInput { name: name.to_owned() })
    }
}

fn inputs(handle: &Handle<ov::ov_compiled_model_t>) -> Result<Vec<Port>, NetworkError> {
    let compiled = handle.as_ptr();
    port::ports(
        "input",
        // SAFETY: the compiled model is alive; `number` receives the result.
        |number| unsafe { ov::ov_compiled_model_inputs_size(compiled, number) },
        // SAFETY: the compiled model is alive; `place` receives the result.
        |index, place| unsafe { ov::ov_compiled_model_input_by_index(compiled, index, place) },
    )
}

fn outputs(handle: &Handle<ov::ov_compiled_model_t>) -> Result<Vec<Port>, NetworkError> {
    let compiled = handle.as_ptr();
    port::ports(
        "output",
        // SAFETY: the compiled model is alive; `number` receives the result.
        |number| unsafe { ov::ov_compiled_model_outputs_size(compiled, number) },
        // SAFETY: the compiled model is alive; `place` receives the result.
        |index, place| unsafe { ov::ov_compiled_model_output_by_index(compiled, index, place) },
    )
}
