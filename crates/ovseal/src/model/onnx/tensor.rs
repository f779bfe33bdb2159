//! One tensor: its shape, its type, and the place of its data.

use std::ops::Range;

use super::OnnxError;
use super::input::Input;
use super::wire::{Content, Reader};

/// The description of a tensor. Its data is skipped.
#[derive(Default)]
pub(super) struct Tensor {
    /// Product of its dimensions; `None` if no tensor can have so many elements.
    elements: Option<u64>,
    data_type: i32,
    /// True if it is a segment of a tensor, which no runtime reads.
    pub(super) is_segment: bool,
    /// True if the data is in the file given by the entries, not in the tensor.
    pub(super) is_external: bool,
    pub(super) entries: Vec<Entry>,
    /// Place of the raw data.
    pub(super) raw: Option<Range<u64>>,
    /// Places of the fields with the data or its location.
    pub(super) location_fields: Vec<Range<u64>>,
    pub(super) end: u64,
}

/// A key and value of a tensor's external data.
pub(super) type Entry = (String, String);

impl Tensor {
    /// Reads the tensor that ends at `end`.
    ///
    /// Like protobuf, this uses the last value of a repeated field. It rejects repeated raw data.
    pub(super) fn read<I: Input>(reader: &mut Reader<I>, end: u64) -> Result<Self, OnnxError> {
        let mut tensor = Self { elements: Some(1), end, ..Self::default() };
        while reader.position() < end {
            let field = reader.field(end)?;
            let content = reader.position();
            // Every reader treats a field with a wrong wire type as unknown.
            match (field.number, field.content) {
                (DIMENSIONS, Content::Number(extent)) => tensor.multiply(extent),
                (DIMENSIONS, Content::Bytes(length)) => tensor.packed_dimensions(reader, content + length)?,
                // Protobuf keeps the low 32 bits of an `int32`, and of an enumeration (next field).
                (DATA_TYPE, Content::Number(number)) => tensor.data_type = number as i32,
                (DATA_LOCATION, Content::Number(number)) => tensor.is_external = is_external(number as i32)?,
                (SEGMENT, Content::Bytes(length)) => {
                    tensor.is_segment = true;
                    reader.skip(length)?;
                }
                (EXTERNAL_DATA, Content::Bytes(length)) => tensor.entries.push(entry(reader, length)?),
                (RAW_DATA, Content::Bytes(length)) => {
                    let repeated = tensor.raw.replace(content..content + length).is_some();
                    reader.skip(length).and(if repeated { Err(OnnxError::Malformed) } else { Ok(()) })?;
                }
                (_, Content::Bytes(length)) => reader.skip(length)?,
                (_, Content::Number(_) | Content::Fixed) => {}
            }
            if [RAW_DATA, EXTERNAL_DATA, DATA_LOCATION].contains(&field.number) {
                tensor.location_fields.push(field.start..reader.position());
            }
            if tensor.location_fields.len() > LOCATION_LIMIT {
                return Err(OnnxError::Malformed);
            }
        }
        if reader.position() == end { Ok(tensor) } else { Err(OnnxError::Malformed) }
    }

    /// Returns the bits of an element, if the runtime reads the tensor's type as raw data.
    pub(super) fn element_bits(&self) -> Option<u64> {
        Some(match self.data_type {
            // UINT4, INT4, FLOAT4E2M1
            21..=23 => 4,
            // UINT8, INT8, BOOL, FLOAT8E4M3FN, FLOAT8E5M2, FLOAT8E8M0
            2 | 3 | 9 | 17 | 19 | 24 => 8,
            // UINT16, INT16, FLOAT16, BFLOAT16
            4 | 5 | 10 | 16 => 16,
            // FLOAT, INT32, UINT32
            1 | 6 | 12 => 32,
            // INT64, DOUBLE, UINT64
            7 | 11 | 13 => 64,
            _ => return None,
        })
    }

    /// Returns the length of raw data that the tensor's shape and type require.
    pub(super) fn length(&self) -> Result<u64, OnnxError> {
        let unsupported = OnnxError::UnsupportedTensor { data_type: self.data_type };
        let bits = self.element_bits().filter(|_| !self.is_segment).ok_or(unsupported)?;
        let bits = self.elements.and_then(|elements| elements.checked_mul(bits));
        Ok(bits.ok_or(OnnxError::WrongLength)?.div_ceil(8))
    }

    fn packed_dimensions<I: Input>(&mut self, reader: &mut Reader<I>, end: u64) -> Result<(), OnnxError> {
        while reader.position() < end {
            let extent = reader.varint()?;
            self.multiply(extent);
        }
        if reader.position() == end { Ok(()) } else { Err(OnnxError::Malformed) }
    }

    /// Multiplies the number of elements by a dimension, an `int64`.
    fn multiply(&mut self, extent: u64) {
        let extent = i64::try_from(extent).ok().map(i64::unsigned_abs);
        self.elements = self.elements.zip(extent).and_then(|(elements, extent)| elements.checked_mul(extent));
    }
}

/// Returns whether a data location (`DEFAULT` or `EXTERNAL`) is `EXTERNAL`.
fn is_external(location: i32) -> Result<bool, OnnxError> {
    match location {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(OnnxError::Malformed),
    }
}

fn entry<I: Input>(reader: &mut Reader<I>, length: u64) -> Result<Entry, OnnxError> {
    let end = reader.position() + length;
    let mut entry = Entry::default();
    while reader.position() < end {
        let field = reader.field(end)?;
        match (field.number, field.content) {
            (1, Content::Bytes(length)) => entry.0 = reader.text(length)?,
            (2, Content::Bytes(length)) => entry.1 = reader.text(length)?,
            (_, Content::Bytes(length)) => reader.skip(length)?,
            (_, Content::Number(_) | Content::Fixed) => {}
        }
    }
    if reader.position() == end { Ok(entry) } else { Err(OnnxError::Malformed) }
}

// Numbers of fields in `TensorProto` of onnx.proto3.
const DIMENSIONS: u64 = 1;
const DATA_TYPE: u64 = 2;
const SEGMENT: u64 = 3;
pub(super) const RAW_DATA: u64 = 9;
pub(super) const EXTERNAL_DATA: u64 = 13;
pub(super) const DATA_LOCATION: u64 = 14;

/// Limit on fields with a tensor's data or its location. The specification defines five keys.
const LOCATION_LIMIT: usize = 16;
