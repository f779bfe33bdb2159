//! Inputs and outputs of a model.

use std::ffi::c_char;

use openvino_sys as ov;

use crate::element_type::ElementType;
use crate::error::{ModelError, Operation, check};
use crate::handle::Handle;
use crate::shape::{PartialShape, RawPartialShape};
use crate::text;

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// One of its names; `input_0`, `output_0` and so on for a port without one.
    pub name: String,
    /// Its shape.
    pub shape: PartialShape,
    /// The type of its elements.
    pub element_type: ElementType,
}

/// A port in the runtime's memory.
pub(crate) type RawPort = Handle<ov::ov_output_const_port_t>;

/// Reads all ports of one direction: `count` fills in how many, `at` creates the one with an index.
pub(crate) fn ports(
    direction: &str,
    count: impl FnOnce(*mut usize) -> ov::ov_status_e,
    at: impl Fn(usize, *mut *mut ov::ov_output_const_port_t) -> ov::ov_status_e,
) -> Result<Vec<Port>, ModelError> {
    let mut number = 0;
    check(Operation::InspectPorts, count(&mut number))?;
    let read = |index| {
        let raw = RawPort::create(Operation::InspectPorts, |place| at(index, place))?;
        describe(&raw, || format!("{direction}_{index}"))
    };
    (0..number).map(read).collect()
}

/// Finds a port among `ports` by the name that stands there, or by any other one with which `find` creates it.
pub(crate) fn index_of(
    ports: &[Port],
    name: &str,
    find: impl FnOnce(*mut *mut ov::ov_output_const_port_t) -> ov::ov_status_e,
) -> Option<usize> {
    let listed = |name: &str| ports.iter().position(|port| port.name == name);
    listed(name).or_else(|| {
        let port = RawPort::create(Operation::InspectPorts, find).ok()?;
        listed(&self::name(&port)?)
    })
}

fn describe(port: &RawPort, unnamed: impl FnOnce() -> String) -> Result<Port, ModelError> {
    let shape = RawPartialShape::create(Operation::InspectPorts, |place| {
        // SAFETY: the port is alive; `place` takes the result.
        unsafe { ov::ov_port_get_partial_shape(port.as_ptr(), place) }
    })?;
    let element_type = element_type(port)?;
    Ok(Port { name: name(port).unwrap_or_else(unnamed), shape: shape.read(), element_type })
}

/// A port without a name is an error to the runtime, and there is no other error.
fn name(port: &RawPort) -> Option<String> {
    let mut name: *mut c_char = std::ptr::null_mut();
    // SAFETY: the port is alive; `name` takes the result.
    let status = unsafe { ov::ov_port_get_any_name(port.as_ptr(), &mut name) };
    if status != ov::ov_status_e::OK {
        return None;
    }
    // SAFETY: the call succeeded and gave the string away.
    unsafe { text::take(name) }.filter(|name| !name.is_empty())
}

fn element_type(port: &RawPort) -> Result<ElementType, ModelError> {
    // A number, since a runtime that is newer than the bindings may give one for which their enumeration has no value.
    let mut number: u32 = 0;
    let place = (&raw mut number).cast();
    // SAFETY: the port is alive; the enumeration has the layout of `u32`.
    check(Operation::InspectPorts, unsafe { ov::ov_port_get_element_type(port.as_ptr(), place) })?;
    ElementType::from_raw(number).ok_or(ModelError::UnknownElementType { number })
}
