//! What an ONNX model refers to outside itself.
//!
//! ONNX tensors may keep their data in other files. OpenVINO resolves such a reference relative to the current folder when
//! the model comes from memory, and takes one special location as an address in memory, without any check. So a model
//! is sealed and opened only if each of its references names a part of the same container.

mod input;
mod walk;

use std::collections::{HashMap, HashSet};

use input::FileInput;
use walk::{Entry, Walk};

use super::source::SourceReader;
use crate::manifest::PartEntry;
use crate::path::PartPath;

/// What stands in a location that means an address in memory.
const MEMORY_ADDRESS: &str = "_ORT_MEM_ADDR_";

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

    fn parse(entries: &[Entry]) -> Result<Option<Self>, OnnxError> {
        let value = |key| entries.iter().find(|entry| entry.0 == key).map(|entry| entry.1.as_str());
        let number = |key| value(key).map(|v| v.parse::<u64>().map_err(|_| OnnxError::Malformed)).transpose();
        if entries.iter().any(|entry| entry.1.contains(MEMORY_ADDRESS)) {
            return Err(OnnxError::MemoryAddress);
        }
        // Readers differ in which of two equal keys they take.
        if entries.iter().enumerate().any(|(i, entry)| entries[..i].iter().any(|other| other.0 == entry.0)) {
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
    Walk::references(model, model.len() as u64)
}

/// The references of an ONNX model in a file, read without loading its weights.
pub(crate) fn references_of_file(file: &SourceReader, length: u64) -> Result<Vec<Reference>, OnnxError> {
    Walk::references(FileInput::new(file, length), length)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::PartKind;

    /// A field with content.
    fn field(number: u64, content: &[u8]) -> Vec<u8> {
        [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
    }

    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn tensor(entries: &[(&str, &str)]) -> Vec<u8> {
        let entry = |(key, value): &(&str, &str)| {
            field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
        };
        entries.iter().flat_map(entry).collect()
    }

    /// A model whose graph has this tensor, `depth` subgraphs deep.
    fn model(tensor: &[u8], depth: usize) -> Vec<u8> {
        let mut graph = field(5, tensor);
        for _ in 0..depth {
            graph = field(1, &field(5, &field(6, &graph)));
        }
        field(7, &graph)
    }

    #[test]
    fn a_memory_address_is_refused_wherever_it_stands() {
        let tensor = tensor(&[("location", "*/_ORT_MEM_ADDR_/*"), ("offset", "4096")]);
        let graph = field(5, &tensor);
        let sparse = field(1, &tensor);
        for bytes in [
            model(&tensor, 0),
            model(&tensor, 30),
            field(7, &field(15, &sparse)),
            field(7, &field(1, &field(5, &field(10, &tensor)))),
            field(7, &field(1, &field(5, &field(23, &sparse)))),
            field(20, &field(2, &graph)),
            field(25, &field(11, &field(5, &tensor))),
            field(25, &field(7, &field(5, &field(11, &graph)))),
        ] {
            assert_eq!(references(&bytes), Err(OnnxError::MemoryAddress));
        }
    }

    #[test]
    fn what_stands_around_a_tensor_is_passed_over() {
        let numbers =
            [varint(1 << 3), varint(13), vec![3 << 3 | 5, 1, 2, 3, 4], vec![4 << 3 | 1], vec![0; 8]].concat();
        let bytes =
            [numbers, field(2, b"producer"), model(&tensor(&[("location", "w"), ("length", "5")]), 2)]
                .concat();
        let expected = Reference { location: "w".into(), offset: 0, length: Some(5) };
        assert_eq!(references(&bytes), Ok(vec![expected]));
    }

    #[test]
    fn graphs_nested_without_end_are_refused_without_overflowing_the_stack() {
        assert_eq!(references(&model(b"", 20_000)), Err(OnnxError::Malformed));
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = model(&tensor(&[("location", "w"), ("offset", "300"), ("length", "5")]), 1);
        for length in 1..bytes.len() {
            assert_eq!(references(&bytes[..length]), Err(OnnxError::Malformed), "{length} bytes");
        }
    }

    #[test]
    fn a_tensor_with_many_or_repeated_entries_is_refused() {
        let many = vec![("x", "y"); 100_000];
        for entries in [&many[..], &[("location", "a"), ("location", "b")]] {
            assert_eq!(references(&model(&tensor(entries), 0)), Err(OnnxError::Malformed));
        }
    }

    #[test]
    fn numbers_of_more_than_64_bits_and_long_texts_are_refused() {
        let long = "a".repeat(5000);
        for bytes in [
            vec![0xff; 20],
            [vec![7 << 3 | 2], vec![0xff; 9], vec![2]].concat(),
            model(&tensor(&[("location", &long)]), 0),
        ] {
            assert_eq!(references(&bytes), Err(OnnxError::Malformed));
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
            let references = references(&model(&tensor(&[("location", location)]), 0)).unwrap();
            assert_eq!(check_references(&references, &path, &[]), Err(expected));
        }
    }

    #[test]
    fn bytes_beyond_the_end_of_a_part_are_refused() {
        let path = PartPath::parse("net.onnx").unwrap();
        let weights = PartPath::parse("w").unwrap();
        let part =
            PartEntry { path: weights.clone(), kind: PartKind::Weights, length: 100, companions: vec![] };
        for (offset, length, good) in
            [("0", "100", true), ("1", "100", false), ("18446744073709551615", "1", false)]
        {
            let tensor = tensor(&[("location", "w"), ("offset", offset), ("length", length)]);
            let references = references(&model(&tensor, 0)).unwrap();
            let expected = if good { Ok(()) } else { Err(OnnxError::OutOfBounds { path: weights.clone() }) };
            assert_eq!(check_references(&references, &path, &[&part]), expected);
        }
    }
}
