//! What goes into a model: files, shapes and seeded numbers.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use aws_lc_rs::digest;
use ovseal_openvino::{Dimension, ElementType, InferRequest, Model, PartialShape, Port, Runtime, Tensor};
use serde::Serialize;

use super::npy::{self, Array};
use super::seeded;
use crate::error::{CommandError, Kind};

/// An input or output, as the report names it.
#[derive(Debug, Serialize)]
pub(super) struct Fed {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    #[serde(rename = "type")]
    pub(super) element_type: &'static str,
    /// Over the raw bytes, in C order.
    pub(super) sha256: String,
}

/// Arrays from files, by the name of their input.
pub(super) type Files = Vec<(String, Array)>;

impl Fed {
    pub(super) fn new(name: &str, shape: &[usize], element_type: ElementType, bytes: &[u8]) -> Self {
        let sha256 = ovseal::hex::encode(digest::digest(&digest::SHA256, bytes).as_ref());
        Self { name: name.to_owned(), shape: shape.to_vec(), element_type: element_type.name(), sha256 }
    }
}

/// Reads the files that are to be fed.
pub(super) fn read_files(files: &[(String, PathBuf)]) -> Result<Files, CommandError> {
    let read = |(name, path): &(String, PathBuf)| {
        let array = File::open(path).and_then(|file| npy::read(&mut BufReader::new(file)));
        let array = array.map_err(|error| {
            CommandError::new(Kind::Environment, error).context(format!("cannot read {}", path.display()))
        })?;
        Ok((name.clone(), array))
    };
    files.iter().map(read).collect()
}

/// Gives the inputs the shapes that the caller named.
pub(super) fn reshape(model: &mut Model, shapes: &[(String, Vec<usize>)]) -> Result<(), CommandError> {
    if shapes.is_empty() {
        return Ok(());
    }
    let inputs = model.inputs()?;
    if let Some((name, _)) = shapes.iter().find(|(name, _)| !inputs.iter().any(|port| port.name == *name)) {
        return Err(unknown(name, &inputs));
    }
    let fixed: Vec<(&str, PartialShape)> =
        shapes.iter().map(|(name, shape)| (name.as_str(), PartialShape::fixed(shape))).collect();
    Ok(model.reshape(&fixed)?)
}

/// Feeds every input: from its file, or with seeded numbers.
pub(super) fn feed(
    runtime: &Runtime,
    request: &mut InferRequest,
    shapes: &[(String, Vec<usize>)],
    files: &Files,
) -> Result<Vec<Fed>, CommandError> {
    let ports = request.compiled().inputs().to_vec();
    if let Some((name, _)) = files.iter().find(|(name, _)| !ports.iter().any(|port| port.name == *name)) {
        return Err(unknown(name, &ports));
    }
    let mut fed = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let tensor = match files.iter().find(|(name, _)| *name == port.name) {
            Some((_, array)) => from_file(runtime, port, array)?,
            None => seeded(runtime, port, index as u64, shapes)?,
        };
        fed.push(Fed::new(&port.name, tensor.shape(), tensor.element_type(), tensor.bytes()));
        request.set_input(index, tensor)?;
    }
    Ok(fed)
}

fn from_file(runtime: &Runtime, port: &Port, array: &Array) -> Result<Tensor, CommandError> {
    if array.element_type != port.element_type || !accepts(&port.shape, &array.shape) {
        let (wanted, given) = (port.element_type.name(), array.element_type.name());
        let (name, shape) = (&port.name, &port.shape);
        let message =
            format!("the input {name} takes {wanted}{shape}, its file holds {given}{:?}", array.shape);
        return Err(CommandError::usage(message));
    }
    let mut tensor = Tensor::new(runtime, array.element_type, &array.shape)?;
    tensor.bytes_mut().copy_from_slice(&array.data);
    Ok(tensor)
}

fn seeded(
    runtime: &Runtime,
    port: &Port,
    index: u64,
    shapes: &[(String, Vec<usize>)],
) -> Result<Tensor, CommandError> {
    let named = shapes.iter().find(|(name, _)| *name == port.name).map(|(_, shape)| shape.clone());
    let shape = named.or_else(|| default_shape(&port.shape)).ok_or_else(|| {
        CommandError::usage(format!("the input {} has no fixed number of axes", port.name))
            .hint(format!("give its shape with --shape {}=1,16", port.name))
    })?;
    let mut tensor = Tensor::new(runtime, port.element_type, &shape)?;
    if seeded::fill(port.element_type, index, tensor.bytes_mut()) {
        return Ok(tensor);
    }
    let message =
        format!("there are no seeded numbers of type {} for {}", port.element_type.name(), port.name);
    Err(CommandError::usage(message).hint(format!("feed it with --input {}=FILE.npy", port.name)))
}

/// The shape with 1 for every dynamic dimension, as far as its limits allow.
fn default_shape(shape: &PartialShape) -> Option<Vec<usize>> {
    let PartialShape::Ranked(dimensions) = shape else { return None };
    let extent = |dimension: &Dimension| match *dimension {
        Dimension::Fixed(extent) => extent,
        Dimension::Dynamic { minimum, .. } => minimum.max(1),
    };
    Some(dimensions.iter().map(extent).collect())
}

fn accepts(shape: &PartialShape, extents: &[usize]) -> bool {
    let PartialShape::Ranked(dimensions) = shape else { return true };
    let fits = |(dimension, &extent): (&Dimension, &usize)| match *dimension {
        Dimension::Fixed(fixed) => fixed == extent,
        Dimension::Dynamic { minimum, maximum } => {
            minimum <= extent && maximum.is_none_or(|maximum| extent <= maximum)
        }
    };
    dimensions.len() == extents.len() && dimensions.iter().zip(extents).all(fits)
}

fn unknown(name: &str, ports: &[Port]) -> CommandError {
    let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
    CommandError::usage(format!("the model has no input {name}"))
        .hint(format!("its inputs: {}", names.join(", ")))
}
