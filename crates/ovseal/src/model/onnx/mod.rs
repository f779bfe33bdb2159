//! What an ONNX model refers to outside itself.
//!
//! ONNX tensors may keep their data in other files. OpenVINO resolves such a reference relative to the current folder when
//! the model comes from memory, and takes one special location as an address in memory, without any check. So a model
//! is sealed and opened only if each of its references names a part of the same container.

mod file_buffer;
mod protobuf;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use file_buffer::FileBuffer;
use prost::Message;
use protobuf::{AttributeProto, GraphProto, KeyValue, ModelProto, SparseTensorProto, TensorProto};

use super::source::SourceReader;
use crate::manifest::PartEntry;
use crate::path::PartPath;

/// What stands in a location that means an address in memory.
const MEMORY_ADDRESS: &str = "_ORT_MEM_ADDR_";

/// A tensor has at most this many entries of external data; the specification knows five keys.
const ENTRY_LIMIT: usize = 16;

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
#[non_exhaustive]
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
        if entries.len() > ENTRY_LIMIT
            || entries
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

/// The parts that references of the model at `model` name, each once, in the order in which they come.
pub(crate) fn named_parts(references: &[Reference], model: &PartPath) -> Result<Vec<PartPath>, OnnxError> {
    let mut seen = HashSet::new();
    let mut paths = Vec::new();
    for reference in references {
        let path = reference.part_path(model)?;
        if seen.insert(path.clone()) {
            paths.push(path);
        }
    }
    Ok(paths)
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
    let lengths: HashMap<&PartPath, u64> = parts.iter().map(|part| (&part.path, part.length)).collect();
    for reference in references {
        let path = reference.part_path(model)?;
        let Some(&length) = lengths.get(&path) else {
            return Err(OnnxError::MissingFile { path });
        };
        let end = reference.offset.checked_add(reference.length.unwrap_or(0));
        if end.is_none_or(|end| end > length) {
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

#[cfg(test)]
mod tests {
    use super::protobuf::{FunctionProto, NodeProto};
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
    fn a_tensor_with_many_or_repeated_entries_is_refused() {
        let many: Vec<(String, &str)> = (0..100_000).map(|i| (i.to_string(), "x")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        for entries in [&many[..], &[("location", "a"), ("location", "b")]] {
            let model = nested(tensor(entries), 0).encode_to_vec();
            assert_eq!(references(&model), Err(OnnxError::Malformed));
        }
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
