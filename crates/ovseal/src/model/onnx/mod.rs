//! What an ONNX model refers to outside itself.
//!
//! ONNX tensors may keep their data in other files. OpenVINO resolves such a reference relative to the current folder when
//! the model comes from memory, and takes one special location as an address in memory, without any check. So a model
//! is sealed and opened only if each of its references names a part of the same container. To open it, that location is
//! what a [`Skeleton`] has in the place of each reference, with addresses in the memory of that part.

mod input;
mod skeleton;
mod tensor;
#[cfg(test)]
mod testing;
mod walk;
pub(super) mod wire;

use std::collections::{HashMap, HashSet};

use ovseal_format::error_kind::ErrorKind;
use ovseal_format::manifest::PartEntry;
use ovseal_format::part_path::PartPath;

use super::source::SourceReader;
use input::FileInput;
pub use skeleton::{Pointer, Skeleton};
use tensor::Entry;
use walk::walk;

/// What stands in a location that means an address in memory.
const MEMORY_ADDRESS: &str = "_ORT_MEM_ADDR_";

/// That location.
const MEMORY_ADDRESS_LOCATION: &str = "*/_ORT_MEM_ADDR_/*";

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
    /// A tensor's data is longer or shorter than its shape and type need.
    #[error("a tensor's data does not have the length that its shape and type need")]
    WrongLength,
    /// A tensor of a type that the runtime does not read from memory has its data in another file.
    #[error("it keeps a tensor of type {data_type} in another file, which cannot be read from memory")]
    UnsupportedTensor {
        /// The number of the type in `TensorProto.DataType`, also that of a mere segment.
        data_type: i32,
    },
    /// What is left without the weights is more than the runtime takes.
    #[error("without its weights it is still larger than 2 GiB")]
    TooLarge,
}

impl OnnxError {
    /// Whose fault it is that an authentic model cannot be opened.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::UnsupportedTensor { .. } | Self::TooLarge => ErrorKind::Unsupported,
            _ => ErrorKind::NotAuthentic,
        }
    }
}

impl Reference {
    /// The part that the reference names, seen from the model at `model`.
    pub(crate) fn part_path(&self, model: &PartPath) -> Result<PartPath, OnnxError> {
        model.sibling(&self.location).map_err(|_| OnnxError::Outside)
    }

    /// Offset of the byte after the last one; without a length, that of the first.
    fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.length.unwrap_or(0))
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
    let mut references = Vec::new();
    walk(model, model.len() as u64, &mut references)?;
    Ok(references)
}

/// The references of an ONNX model in a file, read without loading its weights.
pub(crate) fn references_of_file(file: &SourceReader, length: u64) -> Result<Vec<Reference>, OnnxError> {
    let mut references = Vec::new();
    walk(FileInput::new(file, length), length, &mut references)?;
    Ok(references)
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
        if reference.end().is_none_or(|end| end > length) {
            return Err(OnnxError::OutOfBounds { path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::testing::{model, tensor};
    use super::wire::{field, varint};
    use super::*;
    use ovseal_format::manifest::PartKind;

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

    /// Protobuf takes the key below for that of external data, because it keeps 32 bits of a key.
    #[test]
    fn keys_of_fields_that_protobuf_would_cut_are_refused() {
        let entry = [field(1, b"location"), field(2, b"../w")].concat();
        let hidden = |key: &[u8]| [key.to_vec(), varint(entry.len() as u64), entry.clone()].concat();
        let plain = hidden(&[0xea, 0x80, 0x80, 0x80, 0x00]);
        assert_eq!(references(&model(&plain, 0)).map(|found| found.len()), Ok(1));
        for key in [&[0xea, 0x80, 0x80, 0x80, 0x10][..], &[0xea, 0x80, 0x80, 0x80, 0x80, 0x00]] {
            assert_eq!(references(&model(&hidden(key), 0)), Err(OnnxError::Malformed));
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
