//! A network before compilation.

use std::sync::Arc;

use openvino_sys as ov;

use crate::error::{ModelError, Operation, check};
use crate::handle::Handle;
use crate::port::{self, Port};
use crate::shape::{PartialShape, RawPartialShape};
use crate::text;
use crate::weights::KeepAlive;

/// A network that was read and not yet compiled.
///
/// It reads the weights in place and keeps their owner.
pub struct Model {
    // Fields are dropped in this order: the network first, then what it was read with and reads.
    pub(crate) handle: Handle<ov::ov_model_t>,
    pub(crate) core: Arc<Handle<ov::ov_core_t>>,
    pub(crate) weights: KeepAlive,
}

impl Model {
    /// Describes the inputs in the model's order.
    ///
    /// # Errors
    ///
    /// [`ModelError::UnknownElementType`] for a type that is newer than this crate.
    pub fn inputs(&self) -> Result<Vec<Port>, ModelError> {
        let model = self.handle.as_ptr();
        port::ports(
            "input",
            // SAFETY: the model is alive; `number` takes the result.
            |number| unsafe { ov::ov_model_inputs_size(model, number) },
            // SAFETY: the model is alive; `place` takes the result.
            |index, place| unsafe { ov::ov_model_const_input_by_index(model, index, place) },
        )
    }

    /// Describes the outputs in the model's order.
    ///
    /// # Errors
    ///
    /// [`ModelError::UnknownElementType`] for a type that is newer than this crate.
    pub fn outputs(&self) -> Result<Vec<Port>, ModelError> {
        let model = self.handle.as_ptr();
        port::ports(
            "output",
            // SAFETY: the model is alive; `number` takes the result.
            |number| unsafe { ov::ov_model_outputs_size(model, number) },
            // SAFETY: the model is alive; `place` takes the result.
            |index, place| unsafe { ov::ov_model_const_output_by_index(model, index, place) },
        )
    }

    /// Changes the shapes of inputs, by any of their names. Other inputs keep theirs.
    ///
    /// # Errors
    ///
    /// [`ModelError::UnknownInput`]; [`ModelError::NoAxes`]; [`ModelError::Runtime`] for a shape that the network cannot have. The model is unchanged then.
    pub fn reshape(&mut self, shapes: &[(&str, PartialShape)]) -> Result<(), ModelError> {
        let indexes = self.indexes(shapes)?;
        let owned = shapes.iter().map(raw_shape).collect::<Result<Vec<_>, _>>()?;
        let raw: Vec<ov::ov_partial_shape_t> = owned.iter().map(|shape| shape.0).collect();
        // SAFETY: model and shapes are alive; both arrays have as many entries as the call is told.
        let status = unsafe {
            ov::ov_model_reshape_by_port_indexes(
                self.handle.as_mut_ptr(),
                indexes.as_ptr(),
                raw.as_ptr(),
                indexes.len(),
            )
        };
        Ok(check(Operation::Reshape, status)?)
    }

    /// Finds an input by any of its names, or by the one that [`Model::inputs`] gives.
    ///
    /// # Errors
    ///
    /// [`ModelError::UnknownInput`]; those of [`Model::inputs`].
    pub fn input_index(&self, name: &str) -> Result<usize, ModelError> {
        let (model, c_name) = (self.handle.as_ptr(), text::named("input's name", name)?);
        port::index_of(&self.inputs()?, name, |place| {
            // SAFETY: the model and the name are alive; `place` takes the result.
            unsafe { ov::ov_model_const_input_by_name(model, c_name.as_ptr(), place) }
        })
        .ok_or_else(|| ModelError::UnknownInput { name: name.to_owned() })
    }

    fn indexes(&self, shapes: &[(&str, PartialShape)]) -> Result<Vec<usize>, ModelError> {
        shapes.iter().map(|(name, _)| self.input_index(name)).collect()
    }
}

fn raw_shape((name, shape): &(&str, PartialShape)) -> Result<RawPartialShape, ModelError> {
    match shape {
        PartialShape::Ranked(dimensions) if !dimensions.is_empty() => {
            Ok(RawPartialShape::new(Operation::Reshape, dimensions)?)
        }
        // The C interface would take either as one axis of any extent.
        _ => Err(ModelError::NoAxes { name: (*name).to_owned() }),
    }
}
