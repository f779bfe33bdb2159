//! Inputs and outputs of a model.

use std::ffi::c_char;

use openvino_sys as ov;

use super::element_type::ElementType;
use super::error::NetworkError;
use super::handle::Handle;
use super::openvino_error::{Operation, check};
use super::shape::{PartialShape, RawPartialShape};
use super::text;

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// One of its names; `input_0`, `output_0` and so on if it has none.
    pub name: String,
    /// Its shape.
    pub shape: PartialShape,
    /// The type of its elements.
    pub element_type: ElementType,
}

/// An input, by name or by number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKey<'a> {
    /// The name in [`CompiledModel::inputs`](crate::CompiledModel::inputs), or another name of the
    /// input.
    Name(&'a str),
    /// The position in [`CompiledModel::inputs`](crate::CompiledModel::inputs).
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

/// A port in the runtime's memory.
pub(crate) type RawPort = Handle<ov::ov_output_const_port_t>;

/// Reads all inputs or all outputs. `count` writes their number, `at` creates the port at an index.
pub(crate) fn ports(
    direction: &str,
    count: impl FnOnce(*mut usize) -> ov::ov_status_e,
    at: impl Fn(usize, *mut *mut ov::ov_output_const_port_t) -> ov::ov_status_e,
) -> Result<Vec<Port>, NetworkError> {
    let mut number = 0;
    check(Operation::InspectPorts, count(&mut number))?;
    let read = |index| {
        let raw = RawPort::create(Operation::InspectPorts, |place| at(index, place))?;
        describe(&raw, || format!("{direction}_{index}"))
    };
    (0..number).map(read).collect()
}

/// Returns the position of a port by its name in `ports`, or by another name with which `find`
/// finds it.
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

fn describe(port: &RawPort, unnamed: impl FnOnce() -> String) -> Result<Port, NetworkError> {
    let shape = RawPartialShape::create(Operation::InspectPorts, |place| {
        // SAFETY: the port is alive; `place` receives the result.
        unsafe { ov::ov_port_get_partial_shape(port.as_ptr(), place) }
    })?;
    let element_type = element_type(port)?;
    Ok(Port { name: name(port).unwrap_or_else(unnamed), shape: shape.read(), element_type })
}

/// Returns the name of a port. The call fails only for a port without a name.
fn name(port: &RawPort) -> Option<String> {
    let mut name: *mut c_char = std::ptr::null_mut();
    // SAFETY: the port is alive; `name` receives the result.
    let status = unsafe { ov::ov_port_get_any_name(port.as_ptr(), &mut name) };
    if status != ov::ov_status_e::OK {
        return None;
    }
    // SAFETY: the call succeeded and left the string to the caller.
    unsafe { text::take(name) }.filter(|name| !name.is_empty())
}

fn element_type(port: &RawPort) -> Result<ElementType, NetworkError> {
    // The type is a plain number, because a newer runtime may return one that the bindings'
    // enumeration lacks.
    let mut number: u32 = 0;
    let place = (&raw mut number).cast();
    // SAFETY: the port is alive; the enumeration has the layout of `u32`.
    check(Operation::InspectPorts, unsafe { ov::ov_port_get_element_type(port.as_ptr(), place) })?;
    ElementType::from_raw(number).ok_or(NetworkError::UnknownElementType { number })
}
