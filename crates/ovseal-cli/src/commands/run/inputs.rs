//! The inputs of a model: files, shapes and seeded numbers.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use ovseal_openvino::{Dimension, ElementType, InferRequest, PartialShape, Port, Runtime, Tensor};

use super::RunArgs;
use super::described::{Described, sha256};
use super::npy::{self, Array};
use super::seeded::Seeded;
use crate::errors::{CommandError, Kind};

/// An array from a file, for the input with this name.
pub(super) struct FileInput {
    name: String,
    array: Array,
    sha256: String,
}

/// An input with its tensor set.
pub(super) struct Fed {
    name: String,
    shape: Vec<usize>,
    element_type: ElementType,
    origin: Origin,
}

enum Origin {
    /// A file whose elements have this SHA-256.
    File(String),
    /// The seeded numbers of the input with this index.
    Seeded(u64),
}

impl Fed {
    /// Describes the input. Seeded numbers are generated again, so that no copy is kept.
    pub(super) fn describe(self) -> Described {
        let length = self.element_type.bits() / 8 * self.shape.iter().product::<usize>();
        let sha256 = match self.origin {
            Origin::File(sha256) => sha256,
            Origin::Seeded(input) => sha256(Seeded::pieces(self.element_type, input, length)),
        };
        Described::new(&self.name, &self.shape, self.element_type, sha256)
    }
}

/// Reads the files of `--input`.
pub(super) fn read_files(files: &[(String, PathBuf)]) -> Result<Vec<FileInput>, CommandError> {
    let read = |(name, path): &(String, PathBuf)| {
        let array = File::open(path).and_then(|file| npy::read(&mut BufReader::new(file)));
        let array = array.map_err(|error| unreadable(path, error))?;
        Ok(FileInput { name: name.clone(), sha256: sha256([&array.data]), array })
    };
    files.iter().map(read).collect()
}

/// Converts an error. A file with invalid contents is the caller's mistake.
fn unreadable(path: &Path, error: io::Error) -> CommandError {
    let kind = if error.kind() == io::ErrorKind::InvalidData { Kind::Usage } else { Kind::Environment };
    CommandError::new(kind, error).context(format!("cannot read {}", path.display()))
}

/// Returns the shapes that `--shape` sets.
pub(super) fn shapes(args: &RunArgs) -> Vec<(String, PartialShape)> {
    args.shapes.iter().map(|(name, extents)| (name.clone(), PartialShape::fixed(extents))).collect()
}

/// Sets every input: from its file, or to seeded numbers.
pub(super) fn feed(
    runtime: &Runtime,
    request: &mut InferRequest,
    shapes: &[(String, Vec<usize>)],
    mut files: Vec<FileInput>,
) -> Result<Vec<Fed>, CommandError> {
    let ports = request.compiled().inputs().to_vec();
    // An input may have several names; a port has one of them.
    let index_of = |name: &str| request.compiled().input_index(name);
    for file in &mut files {
        let index = index_of(&file.name).ok_or_else(|| unknown(&file.name, &ports))?;
        file.name.clone_from(&ports[index].name);
    }
    let named = |(name, shape): &(String, Vec<usize>)| Some((index_of(name)?, shape.clone()));
    let shapes: Vec<(usize, Vec<usize>)> = shapes.iter().filter_map(named).collect();
    let mut fed = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let file = files.iter().position(|file| file.name == port.name).map(|place| files.remove(place));
        let (tensor, origin) = match file {
            Some(FileInput { array, sha256, .. }) => {
                (from_file(runtime, port, &array)?, Origin::File(sha256))
            }
            None => (seeded(runtime, port, index, &shapes)?, Origin::Seeded(index as u64)),
        };
        let (name, shape) = (port.name.clone(), tensor.shape().to_vec());
        fed.push(Fed { name, shape, element_type: tensor.element_type(), origin });
        request.set_input(index, tensor)?;
    }
    Ok(fed)
}

fn from_file(runtime: &Runtime, port: &Port, array: &Array) -> Result<Tensor, CommandError> {
    if array.element_type != port.element_type || !accepts(&port.shape, &array.shape) {
        let (wanted, given) = (port.element_type.name(), array.element_type.name());
        let (name, shape) = (&port.name, &port.shape);
        let message =
            format!("the input {name} requires {wanted}{shape}, but its file has {given}{:?}", array.shape);
        return Err(CommandError::usage(message));
    }
    let mut tensor = Tensor::new(runtime, array.element_type, &array.shape)?;
    tensor.bytes_mut().copy_from_slice(&array.data);
    Ok(tensor)
}

fn seeded(
    runtime: &Runtime,
    port: &Port,
    index: usize,
    shapes: &[(usize, Vec<usize>)],
) -> Result<Tensor, CommandError> {
    let named = shapes.iter().find(|(input, _)| *input == index).map(|(_, shape)| shape.clone());
    let shape = named.or_else(|| default_shape(&port.shape)).ok_or_else(|| {
        CommandError::usage(format!("the input {} has no fixed number of axes", port.name))
            .hint(format!("set its shape with --shape {}=1,16", port.name))
    })?;
    let mut tensor = Tensor::new(runtime, port.element_type, &shape)?;
    if let Some(mut numbers) = Seeded::new(port.element_type, index as u64) {
        numbers.fill(tensor.bytes_mut());
        return Ok(tensor);
    }
    let message =
        format!("cannot generate numbers of type {} for the input {}", port.element_type.name(), port.name);
    Err(CommandError::usage(message).hint(format!("set it with --input {}=FILE.npy", port.name)))
}

/// Returns the shape with 1 for every dynamic dimension, or its minimum if that is larger.
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
