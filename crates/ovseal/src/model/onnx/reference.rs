//! The references of a model, and their checks.

use std::collections::{HashMap, HashSet};
use std::io;

use ovseal_format::manifest::PartEntry;
use ovseal_format::part_path::PartPath;

use super::input::FileInput;
use super::tensor::{Entry, Tensor};
use super::walk::{REFERENCE_LIMIT, Visitor, walk};
use super::wire::Field;
use super::{MEMORY_ADDRESS, OnnxError};

/// A tensor's data in another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    location: String,
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
}

impl Reference {
    /// Returns the part that the reference of the model at `model` points to.
    pub(super) fn part_path(&self, model: &PartPath) -> Result<PartPath, OnnxError> {
        model.sibling(&self.location).map_err(|_| OnnxError::Outside)
    }

    /// Returns the offset of the byte after the data, or of its first byte if it has no length.
    pub(super) fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.length.unwrap_or(0))
    }

    pub(super) fn parse(entries: &[Entry]) -> Result<Option<Self>, OnnxError> {
        let value = |key| entries.iter().find(|entry| entry.0 == key).map(|entry| entry.1.as_str());
        let number = |key| value(key).map(|v| v.parse::<u64>().map_err(|_| OnnxError::Malformed)).transpose();
        if entries.iter().any(|entry| entry.1.contains(MEMORY_ADDRESS)) {
            return Err(OnnxError::MemoryAddress);
        }
        // Given two equal keys, readers differ in which one they use.
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

/// Collects references.
impl Visitor for Vec<Reference> {
    type Entered = ();

    fn enter(&mut self, _: &Field, _: u64) {}

    fn leave(&mut self, (): (), _: u64) {}

    fn tensor(&mut self, tensor: &Tensor) -> Result<(), OnnxError> {
        self.extend(Reference::parse(&tensor.entries)?);
        if self.len() <= REFERENCE_LIMIT { Ok(()) } else { Err(OnnxError::Malformed) }
    }
}

/// Returns the references of an ONNX model in memory.
///
/// # Errors
/// [`OnnxError`] if the model is malformed or refers to an address in memory.
pub fn references(model: &[u8]) -> Result<Vec<Reference>, OnnxError> {
    let mut references = Vec::new();
    walk(model, model.len() as u64, &mut references)?;
    Ok(references)
}

/// Returns the references of an ONNX model in a file of `length` bytes. Skips the weights.
///
/// `read` fills a buffer with the bytes at an offset.
pub(crate) fn references_of_file(
    length: u64,
    read: impl Fn(&mut [u8], u64) -> io::Result<()>,
) -> Result<Vec<Reference>, OnnxError> {
    let mut references = Vec::new();
    walk(FileInput::new(length, read), length, &mut references)?;
    Ok(references)
}

/// Returns the parts that references of the model at `model` point to, each once, in order.
pub(crate) fn named_parts(references: &[Reference], model: &PartPath) -> Result<Vec<PartPath>, OnnxError> {
    let mut seen = HashSet::new();
    let paths = references.iter().map(|reference| reference.part_path(model));
    paths.filter(|path| path.as_ref().map_or(true, |path| seen.insert(path.clone()))).collect()
}

/// Checks that every reference in the model at `model` points to bytes inside one of `parts`.
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
    use ovseal_format::manifest::PartKind;

    use super::*;
    use crate::model::onnx::testing::{model, path, places, tensor};
    use crate::model::onnx::wire::{field, varint};

    #[test]
    fn a_memory_address_is_rejected_in_every_place() {
        let tensor = tensor(&[("location", "*/_ORT_MEM_ADDR_/*"), ("offset", "4096")]);
        for bytes in places(&tensor) {
            assert_eq!(references(&bytes), Err(OnnxError::MemoryAddress));
        }
    }

    #[test]
    fn fields_around_a_tensor_are_skipped() {
        let numbers =
            [varint(1 << 3), varint(13), vec![3 << 3 | 5, 1, 2, 3, 4], vec![4 << 3 | 1], vec![0; 8]].concat();
        let bytes =
            [numbers, field(2, b"producer"), model(&tensor(&[("location", "w"), ("length", "5")]), 2)]
                .concat();
        let expected = Reference { location: "w".into(), offset: 0, length: Some(5) };
        assert_eq!(references(&bytes), Ok(vec![expected]));
    }

    #[test]
    fn deeply_nested_graphs_are_rejected_without_a_stack_overflow() {
        assert_eq!(references(&model(b"", 20_000)), Err(OnnxError::Malformed));
    }

    #[test]
    fn every_truncation_is_rejected() {
        let bytes = model(&tensor(&[("location", "w"), ("offset", "300"), ("length", "5")]), 1);
        for length in 1..bytes.len() {
            assert_eq!(references(&bytes[..length]), Err(OnnxError::Malformed), "{length} bytes");
        }
    }

    #[test]
    fn a_tensor_with_many_or_repeated_entries_is_rejected() {
        let many = vec![("x", "y"); 100_000];
        for entries in [&many[..], &[("location", "a"), ("location", "b")]] {
            assert_eq!(references(&model(&tensor(entries), 0)), Err(OnnxError::Malformed));
        }
    }

    #[test]
    fn numbers_of_more_than_64_bits_and_long_texts_are_rejected() {
        let long = "a".repeat(5000);
        for bytes in [
            vec![0xff; 20],
            [vec![7 << 3 | 2], vec![0xff; 9], vec![2]].concat(),
            model(&tensor(&[("location", &long)]), 0),
        ] {
            assert_eq!(references(&bytes), Err(OnnxError::Malformed));
        }
    }

    /// Protobuf keeps only 32 bits of a key, so it reads the key below as that of external data.
    #[test]
    fn keys_of_fields_that_protobuf_would_truncate_are_rejected() {
        let entry = [field(1, b"location"), field(2, b"../w")].concat();
        let hidden = |key: &[u8]| [key.to_vec(), varint(entry.len() as u64), entry.clone()].concat();
        let plain = hidden(&[0xea, 0x80, 0x80, 0x80, 0x00]);
        assert_eq!(references(&model(&plain, 0)).map(|found| found.len()), Ok(1));
        for key in [&[0xea, 0x80, 0x80, 0x80, 0x10][..], &[0xea, 0x80, 0x80, 0x80, 0x80, 0x00]] {
            assert_eq!(references(&model(&hidden(key), 0)), Err(OnnxError::Malformed));
        }
    }

    #[test]
    fn references_outside_the_model_are_rejected() {
        for (location, expected) in [
            ("../w", OnnxError::Outside),
            ("/etc/passwd", OnnxError::Outside),
            ("w", OnnxError::MissingFile { path: path("m/w") }),
        ] {
            let references = references(&model(&tensor(&[("location", location)]), 0)).unwrap();
            assert_eq!(check_references(&references, &path("m/net.onnx"), &[]), Err(expected));
        }
    }

    #[test]
    fn bytes_beyond_the_end_of_a_part_are_rejected() {
        let part = PartEntry { path: path("w"), kind: PartKind::Weights, length: 100, companions: vec![] };
        for (offset, length, good) in
            [("0", "100", true), ("1", "100", false), ("18446744073709551615", "1", false)]
        {
            let tensor = tensor(&[("location", "w"), ("offset", offset), ("length", length)]);
            let references = references(&model(&tensor, 0)).unwrap();
            let expected = if good { Ok(()) } else { Err(OnnxError::OutOfBounds { path: path("w") }) };
            assert_eq!(check_references(&references, &path("net.onnx"), &[&part]), expected);
        }
    }
}
