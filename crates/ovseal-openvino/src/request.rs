//! One inference at a time.

use openvino_sys as ov;

use crate::compiled::CompiledModel;
use crate::error::{Operation, TensorError, check};
use crate::handle::Handle;
use crate::tensor::{Tensor, TensorView};

/// Runs inferences of a compiled model, one after the other.
///
/// For inferences at the same time create several. It may move to another thread, but not be shared.
pub struct InferRequest {
    // Dropped first, before the compiled model and the weights that it reads.
    handle: Handle<ov::ov_infer_request_t>,
    inferred: bool,
    compiled: CompiledModel,
}

/// Says which input: by name, or by number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKey<'a> {
    /// A name as [`CompiledModel::inputs`] gives it, or another name of the same input.
    Name(&'a str),
    /// The position in [`CompiledModel::inputs`].
    Index(usize),
}

impl<'a> From<&'a str> for InputKey<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl From<usize> for InputKey<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl InferRequest {
    pub(crate) fn new(handle: Handle<ov::ov_infer_request_t>, compiled: CompiledModel) -> Self {
        Self { handle, inferred: false, compiled }
    }

    /// Gives a tensor to an input, for all inferences until another replaces it.
    ///
    /// # Errors
    ///
    /// [`TensorError::UnknownInput`], and [`TensorError::Runtime`] when shape or type do not fit.
    pub fn set_input<'a>(
        &mut self,
        input: impl Into<InputKey<'a>>,
        tensor: Tensor,
    ) -> Result<(), TensorError> {
        let port = self.compiled.input_port(input.into())?;
        let request = self.handle.as_mut_ptr();
        // SAFETY: all three are alive. The runtime counts references to the tensor's memory, so the request keeps it when
        // `tensor` is dropped here; by then nobody else can write to it.
        let status =
            unsafe { ov::ov_infer_request_set_tensor_by_const_port(request, port.as_ptr(), tensor.as_ptr()) };
        Ok(check(Operation::SetInput, status)?)
    }

    /// Infers, and returns when the outputs are there.
    ///
    /// What a device does with an input of fixed shape that was never set is its own affair: set them all.
    ///
    /// # Errors
    ///
    /// [`TensorError::Runtime`] when the device fails, or an input of dynamic shape was not set.
    pub fn infer(&mut self) -> Result<(), TensorError> {
        self.inferred = false;
        // SAFETY: the request is alive, and `&mut` shows that nobody borrows its outputs.
        check(Operation::Infer, unsafe { ov::ov_infer_request_infer(self.handle.as_mut_ptr()) })?;
        self.inferred = true;
        self.compiled.note_inference();
        Ok(())
    }

    /// Borrows an output of the last inference, by its position in [`CompiledModel::outputs`].
    ///
    /// # Errors
    ///
    /// [`TensorError::NotInferred`] before the first inference and after one that failed, [`TensorError::Runtime`] when there is no such
    /// output, [`TensorError::Unsupported`] when it consists of strings.
    pub fn output(&self, index: usize) -> Result<TensorView<'_>, TensorError> {
        // Memory that no inference wrote is not initialized.
        if !self.inferred {
            return Err(TensorError::NotInferred);
        }
        let request = self.handle.as_ptr();
        let handle = Handle::create(Operation::TakeOutput, |place| {
            // SAFETY: the request is alive; `place` takes the result.
            unsafe { ov::ov_infer_request_get_output_tensor_by_index(request, index, place) }
        })?;
        TensorView::of(handle)
    }

    /// Returns the compiled model that infers.
    #[must_use]
    pub fn compiled(&self) -> &CompiledModel {
        &self.compiled
    }
}
