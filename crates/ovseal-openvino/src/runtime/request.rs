//! Inference, one at a time.

use openvino_sys as ov;

use super::compiled::CompiledModel;
use super::error::TensorError;
use super::handle::Handle;
use super::openvino_error::{OpenVinoError, Operation, check};
use super::port::InputKey;
use super::tensor::{Tensor, TensorView};

/// A request that runs inferences of a compiled model, one after another.
///
/// To run several at the same time, create several requests. A request can move to another thread,
/// but cannot be shared.
pub struct InferRequest {
    // Dropped first, before the compiled model and the weights that it reads.
    handle: Handle<ov::ov_infer_request_t>,
    inferred: bool,
    compiled: CompiledModel,
}

impl CompiledModel {
    /// Creates a request. Each request runs one inference at a time; several requests can run
    /// concurrently.
    ///
    /// # Errors
    ///
    /// Fails if the device is out of memory.
    pub fn create_request(&self) -> Result<InferRequest, OpenVinoError> {
        let handle = Handle::create(Operation::CreateRequest, |place| {
            // SAFETY: the compiled model is alive; `place` receives the result.
            unsafe { ov::ov_compiled_model_create_infer_request(self.as_ptr(), place) }
        })?;
        Ok(InferRequest { handle, inferred: false, compiled: self.clone() })
    }
}

impl InferRequest {
    /// Sets the tensor of an input for all inferences until another tensor replaces it.
    ///
    /// # Errors
    ///
    /// [`TensorError::UnknownInput`]; [`TensorError::Runtime`] if the shape or type does not fit.
    pub fn set_input<'a>(
        &mut self,
        input: impl Into<InputKey<'a>>,
        tensor: Tensor,
    ) -> Result<(), TensorError> {
        let port = self.compiled.input_port(input.into())?;
        let request = self.handle.as_mut_ptr();
        // SAFETY: all three are alive. The runtime counts references to the tensor's memory, so the
        // request keeps it when `tensor` is dropped here; then nothing else can write to it.
        let status =
            unsafe { ov::ov_infer_request_set_tensor_by_const_port(request, port.as_ptr(), tensor.as_ptr()) };
        Ok(check(Operation::SetInput, status)?)
    }

    /// Runs one inference and waits for its outputs.
    ///
    /// Set all inputs: devices differ in what they do with an input of fixed shape that was never
    /// set.
    ///
    /// # Errors
    ///
    /// [`TensorError::Runtime`] if the device fails, or if an input of dynamic shape was not set.
    pub fn infer(&mut self) -> Result<(), TensorError> {
        self.inferred = false;
        // SAFETY: the request is alive, and `&mut` shows that nothing borrows its outputs.
        check(Operation::Infer, unsafe { ov::ov_infer_request_infer(self.handle.as_mut_ptr()) })?;
        self.inferred = true;
        self.compiled.note_inference();
        Ok(())
    }

    /// Borrows an output of the last inference, by its position in [`CompiledModel::outputs`].
    ///
    /// # Errors
    ///
    /// [`TensorError::NotInferred`] before the first inference and after one that failed;
    /// [`TensorError::Runtime`] if there is no such output; [`TensorError::Unsupported`] if it
    /// consists of strings.
    pub fn output(&self, index: usize) -> Result<TensorView<'_>, TensorError> {
        // Memory that no inference has written is not initialized.
        if !self.inferred {
            return Err(TensorError::NotInferred);
        }
        let request = self.handle.as_ptr();
        let handle = Handle::create(Operation::TakeOutput, |place| {
            // SAFETY: the request is alive; `place` receives the result.
            unsafe { ov::ov_infer_request_get_output_tensor_by_index(request, index, place) }
        })?;
        TensorView::of(handle)
    }

    /// Returns the compiled model of this request.
    #[must_use]
    pub fn compiled(&self) -> &CompiledModel {
        &self.compiled
    }
}
