//! What an ONNX model refers to outside itself.
//!
//! ONNX tensors may keep their data in other files. OpenVINO resolves such a reference relative to the current folder when
//! the model comes from memory, and takes one special location as an address in memory, without any check. So a model
//! is sealed and opened only if each of its references names a part of the same container.

use std::cell::RefCell;

use prost::Message;
use prost::bytes::Buf;

use super::source::SourceReader;
use crate::manifest::PartEntry;
use crate::path::PartPath;

/// What stands in a location that means an address in memory.
const MEMORY_ADDRESS: &str = "_ORT_MEM_ADDR_";

/// A model may have this many references; more would be no model but an attack.
const REFERENCE_LIMIT: usize = 1 << 20;

/// A tensor's data in another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    location: String,
    offset: u64,
    length: Option<u64>,
}

/// An ONNX model is malformed or refers to what it must not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// It is no ONNX model.
    #[error("it is not a well-formed ONNX model")]
    Malformed,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(std::io::ErrorKind),
    /// It points at an address in memory.
    #[error("it points at an address in memory")]
    MemoryAddress,
    /// It refers to a file outside its folder.
    #[error("it refers to a file outside its folder")]
    Outside,
    /// It refers to a file that is not part of the model.
    #[error("it refers to {path}, which is not part of the model")]
    MissingFile {
        /// The file.
        path: PartPath,
    },
    /// It refers to bytes beyond the end of a file.
    #[error("it refers to bytes beyond the end of {path}")]
    OutOfBounds {
        /// The file.
        path: PartPath,
    },
}

impl Reference {
    /// The part that the reference names, seen from the model at `model`.
    pub(crate) fn part_path(&self, model: &PartPath) -> Result<PartPath, OnnxError> {
        let location = self.location.strip_prefix("./").unwrap_or(&self.location);
        model.sibling(location).map_err(|_| OnnxError::Outside)
    }

    fn parse(entries: &[KeyValue]) -> Result<Option<Self>, OnnxError> {
        let value = |key| entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
        let number = |key| value(key).map(|v| v.parse::<u64>().map_err(|_| OnnxError::Malformed)).transpose();
        if entries.iter().any(|entry| entry.value.contains(MEMORY_ADDRESS)) {
            return Err(OnnxError::MemoryAddress);
        }
        // Readers differ in which of two equal keys they take.
        if entries
            .iter()
            .enumerate()
            .any(|(i, entry)| entries[..i].iter().any(|other| other.key == entry.key))
        {
            return Err(OnnxError::Malformed);
        }
        let Some(location) = value("location") else { return Ok(None) };
        Ok(Some(Self {
            location: location.to_owned(),
            offset: number("offset")?.unwrap_or(0),
            length: number("length")?,
        }))
    }
}

/// The references of an ONNX model in memory.
///
/// # Errors
/// [`OnnxError`] when the model is malformed or points at an address in memory.
pub fn references(model: &[u8]) -> Result<Vec<Reference>, OnnxError> {
    collect(ModelProto::decode(model))
}

/// The references of an ONNX model in a file, read without loading its weights.
pub(crate) fn references_of_file(file: &SourceReader, length: u64) -> Result<Vec<Reference>, OnnxError> {
    let error = RefCell::new(None);
    let decoded = ModelProto::decode(FileBuffer::new(file, length, &error));
    match error.into_inner() {
        Some(kind) => Err(OnnxError::Read(kind)),
        None => collect(decoded),
    }
}

/// Checks that each reference of the model at `model` names bytes of one of `parts`.
///
/// # Errors
/// [`OnnxError`] for the first one that does not.
pub fn check_references(
    references: &[Reference],
    model: &PartPath,
    parts: &[&PartEntry],
) -> Result<(), OnnxError> {
    for reference in references {
        let path = reference.part_path(model)?;
        let Some(part) = parts.iter().find(|part| part.path == path) else {
            return Err(OnnxError::MissingFile { path });
        };
        let end = reference.offset.checked_add(reference.length.unwrap_or(0));
        if end.is_none_or(|end| end > part.length) {
            return Err(OnnxError::OutOfBounds { path });
        }
    }
    Ok(())
}

fn collect(decoded: Result<ModelProto, prost::DecodeError>) -> Result<Vec<Reference>, OnnxError> {
    let model = decoded.map_err(|_| OnnxError::Malformed)?;
    let mut found = Found(Vec::new());
    model.graph.iter().try_for_each(|graph| found.graph(graph))?;
    let training =
        model.training_info.iter().flat_map(|info| info.initialization.iter().chain(&info.algorithm));
    training.into_iter().try_for_each(|graph| found.graph(graph))?;
    for function in &model.functions {
        function.node.iter().flat_map(|node| &node.attribute).try_for_each(|a| found.attribute(a))?;
        function.attribute_proto.iter().try_for_each(|a| found.attribute(a))?;
    }
    Ok(found.0)
}

/// Walks over everything in a model that can hold a tensor.
struct Found(Vec<Reference>);

impl Found {
    fn graph(&mut self, graph: &GraphProto) -> Result<(), OnnxError> {
        graph.initializer.iter().try_for_each(|tensor| self.tensor(tensor))?;
        graph.sparse_initializer.iter().try_for_each(|tensor| self.sparse(tensor))?;
        graph.node.iter().flat_map(|node| &node.attribute).try_for_each(|attribute| self.attribute(attribute))
    }

    fn attribute(&mut self, attribute: &AttributeProto) -> Result<(), OnnxError> {
        attribute.t.iter().chain(&attribute.tensors).try_for_each(|tensor| self.tensor(tensor))?;
        let mut sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
        sparse.try_for_each(|tensor| self.sparse(tensor))?;
        attribute.g.as_deref().into_iter().chain(&attribute.graphs).try_for_each(|graph| self.graph(graph))
    }

    fn sparse(&mut self, tensor: &SparseTensorProto) -> Result<(), OnnxError> {
        tensor.values.iter().chain(&tensor.indices).try_for_each(|tensor| self.tensor(tensor))
    }

    fn tensor(&mut self, tensor: &TensorProto) -> Result<(), OnnxError> {
        self.0.extend(Reference::parse(&tensor.external_data)?);
        if self.0.len() > REFERENCE_LIMIT { Err(OnnxError::Malformed) } else { Ok(()) }
    }
}

// The fields of onnx.proto3 (IR version 13) that can lead to a tensor; all others are skipped.

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "20")]
    training_info: Vec<TrainingInfoProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TrainingInfoProto {
    #[prost(message, optional, tag = "1")]
    initialization: Option<GraphProto>,
    #[prost(message, optional, tag = "2")]
    algorithm: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "11")]
    attribute_proto: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<SparseTensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
    #[prost(message, optional, boxed, tag = "6")]
    g: Option<Box<GraphProto>>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<SparseTensorProto>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<SparseTensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct SparseTensorProto {
    #[prost(message, optional, tag = "1")]
    values: Option<TensorProto>,
    #[prost(message, optional, tag = "2")]
    indices: Option<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// A file as the input of a protobuf decoder: what the decoder skips is never read.
struct FileBuffer<'f> {
    file: &'f SourceReader,
    window: Vec<u8>,
    /// Position in the window.
    position: usize,
    /// Offset in the file at which the window ends.
    end: u64,
    length: u64,
    error: &'f RefCell<Option<std::io::ErrorKind>>,
}

impl<'f> FileBuffer<'f> {
    const WINDOW: u64 = 64 << 10;

    fn new(file: &'f SourceReader, length: u64, error: &'f RefCell<Option<std::io::ErrorKind>>) -> Self {
        let mut buffer = Self { file, window: Vec::new(), position: 0, end: 0, length, error };
        buffer.refill(0);
        buffer
    }

    fn refill(&mut self, offset: u64) {
        let wanted = (self.length - offset).min(Self::WINDOW);
        self.window.resize(wanted as usize, 0);
        self.position = 0;
        self.end = offset + wanted;
        if let Err(error) = self.file.read_exact_at(&mut self.window, offset) {
            // The decoder can only be told that the input ends here.
            *self.error.borrow_mut() = Some(error.kind());
            self.window.clear();
            (self.end, self.length) = (offset, offset);
        }
    }
}

impl Buf for FileBuffer<'_> {
    fn remaining(&self) -> usize {
        self.window.len() - self.position + (self.length - self.end) as usize
    }

    fn chunk(&self) -> &[u8] {
        &self.window[self.position..]
    }

    fn advance(&mut self, count: usize) {
        let left = self.window.len() - self.position;
        if count < left {
            self.position += count;
        } else {
            let offset = self.end + (count - left) as u64;
            self.refill(offset.min(self.length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(entries: &[(&str, &str)]) -> TensorProto {
        let entry = |(key, value): &(&str, &str)| KeyValue { key: (*key).into(), value: (*value).into() };
        TensorProto { external_data: entries.iter().map(entry).collect() }
    }

    fn nested(tensor: TensorProto, depth: usize) -> ModelProto {
        let mut graph = GraphProto { initializer: vec![tensor], ..Default::default() };
        for _ in 0..depth {
            let attribute = AttributeProto { g: Some(Box::new(graph)), ..Default::default() };
            graph = GraphProto { node: vec![NodeProto { attribute: vec![attribute] }], ..Default::default() };
        }
        ModelProto { graph: Some(graph), ..Default::default() }
    }

    #[test]
    fn a_memory_address_is_refused_wherever_it_stands() {
        let tensor = tensor(&[("location", "*/_ORT_MEM_ADDR_/*"), ("offset", "4096")]);
        for depth in 0..10 {
            let model = nested(tensor.clone(), depth).encode_to_vec();
            assert_eq!(references(&model), Err(OnnxError::MemoryAddress));
        }
        let attribute = AttributeProto { t: Some(tensor), ..Default::default() };
        let function = FunctionProto { attribute_proto: vec![attribute], ..Default::default() };
        let model = ModelProto { functions: vec![function], ..Default::default() };
        assert_eq!(references(&model.encode_to_vec()), Err(OnnxError::MemoryAddress));
    }

    #[test]
    fn graphs_nested_without_end_are_refused_without_overflowing_the_stack() {
        let mut graph = Vec::new();
        for _ in 0..20_000 {
            // A graph (attribute field 6) in an attribute (node field 5) in a node (graph field 1).
            for field in [6u8, 5, 1] {
                let mut outer = vec![field << 3 | 2];
                prost::encoding::encode_varint(graph.len() as u64, &mut outer);
                outer.append(&mut graph);
                graph = outer;
            }
        }
        let mut model = vec![7 << 3 | 2];
        prost::encoding::encode_varint(graph.len() as u64, &mut model);
        model.append(&mut graph);
        assert_eq!(references(&model), Err(OnnxError::Malformed));
    }

    #[test]
    fn references_outside_the_model_are_refused() {
        let path = PartPath::parse("m/net.onnx").unwrap();
        for (location, expected) in [
            ("../w", OnnxError::Outside),
            ("/etc/passwd", OnnxError::Outside),
            ("w", OnnxError::MissingFile { path: PartPath::parse("m/w").unwrap() }),
        ] {
            let model = nested(tensor(&[("location", location)]), 0).encode_to_vec();
            let references = references(&model).unwrap();
            assert_eq!(check_references(&references, &path, &[]), Err(expected));
        }
    }

    #[test]
    fn bytes_beyond_the_end_of_a_part_are_refused() {
        let path = PartPath::parse("net.onnx").unwrap();
        let weights = PartPath::parse("w").unwrap();
        let part = PartEntry {
            path: weights.clone(),
            kind: crate::manifest::PartKind::Weights,
            length: 100,
            companions: vec![],
        };
        for (offset, length, good) in
            [("0", "100", true), ("1", "100", false), ("18446744073709551615", "1", false)]
        {
            let tensor = tensor(&[("location", "w"), ("offset", offset), ("length", length)]);
            let references = references(&nested(tensor, 0).encode_to_vec()).unwrap();
            let expected = if good { Ok(()) } else { Err(OnnxError::OutOfBounds { path: weights.clone() }) };
            assert_eq!(check_references(&references, &path, &[&part]), expected);
        }
    }
}
