//! A network before compilation.

use std::sync::Arc;

use openvino_sys as ov;

use super::error::{NetworkError, c_string};
use super::handle::Handle;
use super::openvino_error::{Operation, check};
use super::port::{self, Port};
use super::shape::{PartialShape, RawPartialShape};
use super::weights::KeepAlive;

/// A network that has been read but not yet compiled.
///
/// The network reads the weights in place and keeps their owner alive.
pub struct Network {
    // Dropped in this order: the network before its core and the memory that it reads.
    pub(crate) handle: Handle<ov::ov_model_t>,
    pub(crate) core: Arc<Handle<ov::ov_core_t>>,
    pub(crate) weights: KeepAlive,
}

impl Network {
    /// Returns the inputs in the model's order.
    ///
    /// # Errors
    ///
    /// [`NetworkError::UnknownElementType`] if a type is newer than this crate.
    pub fn inputs(&self) -> Result<Vec<Port>, NetworkError> {
        let model = self.handle.as_ptr();
        port::ports(
            "input",
            // SAFETY: the network is alive; `number` receives the result.
            |number| unsafe { ov::ov_model_inputs_size(model, number) },
            // SAFETY: the network is alive; `place` receives the result.
            |index, place| unsafe { ov::ov_model_const_input_by_index(model, index, place) },
        )
    }

    /// Returns the outputs in the model's order.
    ///
    /// # Errors
    ///
    /// [`NetworkError::UnknownElementType`] if a type is newer than this crate.
    pub fn outputs(&self) -> Result<Vec<Port>, NetworkError> {
        let model = self.handle.as_ptr();
        port::ports(
            "output",
            // SAFETY: the network is alive; `number` receives the result.
            |number| unsafe { ov::ov_model_outputs_size(model, number) },
            // SAFETY: the network is alive; `place` receives the result.
            |index, place| unsafe { ov::ov_model_const_output_by_index(model, index, place) },
        )
    }

    /// Changes the shapes of inputs, identified by any of their names. Other inputs keep their
    /// shapes.
    ///
    /// # Errors
    ///
    /// [`NetworkError::UnknownInput`]; [`NetworkError::NoAxes`]; [`NetworkError::Runtime`] if the
    /// network cannot have such a shape. On an error the network is unchanged.
    pub fn reshape(&mut self, shapes: &[(&str, PartialShape)]) -> Result<(), NetworkError> {
        let indexes = self.indexes(shapes)?;
        let owned = shapes.iter().map(raw_shape).collect::<Result<Vec<_>, _>>()?;
        let raw: Vec<ov::ov_partial_shape_t> = owned.iter().map(|shape| shape.0).collect();
        // SAFETY: network and shapes are alive, and both arrays have `indexes.len()` entries.
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

    /// Returns the position of an input, by any of its names.
    ///
    /// # Errors
    ///
    /// [`NetworkError::UnknownInput`]; any error of [`Network::inputs`].
    pub fn input_index(&self, name: &str) -> Result<usize, NetworkError> {
        let (model, c_name) = (self.handle.as_ptr(), c_string("input's name", name)?);
        let inputs = self.inputs()?;
        let index = port::index_of(&inputs, name, |place| {
            // SAFETY: the network and the name are alive; `place` receives the result.
            unsafe { ov::ov_model_const_input_by_name(model, c_name.as_ptr(), place) }
        });
        index.ok_or_else(|| NetworkError::UnknownInput {
            name: name.to_owned(),
            inputs: inputs.into_iter().map(|port| port.name).collect(),
        })
    }

    fn indexes(&self, shapes: &[(&str, PartialShape)]) -> Result<Vec<usize>, NetworkError> {
        shapes.iter().map(|(name, _)| self.input_index(name)).collect()
    }
}

fn raw_shape((name, shape): &(&str, PartialShape)) -> Result<RawPartialShape, NetworkError> {
    match shape {
        PartialShape::Ranked(dimensions) if !dimensions.is_empty() => {
            Ok(RawPartialShape::new(Operation::Reshape, dimensions)?)
        }
        // The C interface would read either shape as a single axis of any extent.
        _ => Err(NetworkError::NoAxes { name: (*name).to_owned() }),
    }
}
