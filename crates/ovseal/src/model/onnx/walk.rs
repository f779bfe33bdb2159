//! Walking over an ONNX model in its wire format, without building a tree of it.
//!
//! A hostile model of some megabytes could otherwise take gigabytes: an empty attribute is two bytes on the wire.

use super::input::Input;
use super::{OnnxError, Reference};

/// Messages of onnx.proto3 (IR version 13) that can lead to a tensor; everything else is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    SparseTensor,
    Tensor,
}

impl Message {
    /// What the field with this number holds, if it can lead to a tensor.
    const fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Training, 1 | 2) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Function, 7) | (Self::Graph, 1) => Self::Node,
            (Self::Function, 11) | (Self::Node, 5) => Self::Attribute,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => Self::Tensor,
            _ => return None,
        })
    }
}

/// The field of a tensor that holds an entry of its external data.
const EXTERNAL_DATA: u64 = 13;

/// Messages lie at most this deep in each other; protobuf's own limit.
const DEPTH_LIMIT: usize = 100;

/// A key or value of external data has at most this many bytes: a path, or a number.
const TEXT_LIMIT: u64 = 4096;

/// A tensor has at most this many entries of external data; the specification knows five keys.
const ENTRY_LIMIT: usize = 16;

/// A model may have this many references; more would be no model but an attack.
const REFERENCE_LIMIT: usize = 1 << 20;

/// A key of a tensor's external data, and its value.
pub(super) type Entry = (String, String);

/// Collects the references of one model.
pub(super) struct Walk<I> {
    input: I,
    /// How many bytes were taken, to find the ends of messages.
    position: u64,
    found: Vec<Reference>,
}

impl<I: Input> Walk<I> {
    /// The references of the model of `length` bytes in `input`.
    pub(super) fn references(input: I, length: u64) -> Result<Vec<Reference>, OnnxError> {
        let mut walk = Self { input, position: 0, found: Vec::new() };
        walk.message(Message::Model, length, 0)?;
        Ok(walk.found)
    }

    fn message(&mut self, message: Message, length: u64, depth: usize) -> Result<(), OnnxError> {
        let end =
            self.position.checked_add(length).filter(|_| depth < DEPTH_LIMIT).ok_or(OnnxError::Malformed)?;
        let mut entries = Vec::new();
        while self.position < end {
            let (number, length) = self.field(end)?;
            match (message.field(number), length) {
                (Some(inner), Some(length)) => self.message(inner, length, depth + 1)?,
                (None, Some(length)) if message == Message::Tensor && number == EXTERNAL_DATA => {
                    entries.push(self.entry(length)?);
                }
                (None, Some(length)) => self.skip(length)?,
                // A field of another wire type than it should have is unknown to every reader.
                (_, None) => {}
            }
            if entries.len() > ENTRY_LIMIT {
                return Err(OnnxError::Malformed);
            }
        }
        self.found.extend(Reference::parse(&entries)?);
        let is_sound = self.position == end && self.found.len() <= REFERENCE_LIMIT;
        if is_sound { Ok(()) } else { Err(OnnxError::Malformed) }
    }

    fn entry(&mut self, length: u64) -> Result<Entry, OnnxError> {
        let end = self.position.saturating_add(length);
        let mut entry = Entry::default();
        while self.position < end {
            match self.field(end)? {
                (1, Some(length)) => entry.0 = self.text(length)?,
                (2, Some(length)) => entry.1 = self.text(length)?,
                (_, Some(length)) => self.skip(length)?,
                (_, None) => {}
            }
        }
        if self.position == end { Ok(entry) } else { Err(OnnxError::Malformed) }
    }

    /// Number of the next field and the length of its content, if it has one; numbers are passed over.
    fn field(&mut self, end: u64) -> Result<(u64, Option<u64>), OnnxError> {
        let key = self.varint()?;
        let number = key >> 3;
        let length = match key & 7 {
            0 => self.varint().map(|_| None)?,
            1 => self.skip(8).map(|()| None)?,
            2 => Some(self.varint()?),
            5 => self.skip(4).map(|()| None)?,
            // Groups (3 and 4) do not occur in ONNX.
            _ => return Err(OnnxError::Malformed),
        };
        let fits = length.unwrap_or(0) <= end.saturating_sub(self.position) && self.position <= end;
        if number == 0 || !fits { Err(OnnxError::Malformed) } else { Ok((number, length)) }
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let mut byte = [0];
            self.input.read(&mut byte)?;
            self.position += 1;
            let bits = u64::from(byte[0] & 0x7f);
            // The tenth byte has room for one bit.
            value |= bits
                .checked_shl(shift)
                .filter(|shifted| shifted >> shift == bits)
                .ok_or(OnnxError::Malformed)?;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(OnnxError::Malformed)
    }

    fn text(&mut self, length: u64) -> Result<String, OnnxError> {
        if length > TEXT_LIMIT {
            return Err(OnnxError::Malformed);
        }
        let mut bytes = vec![0; length as usize];
        self.input.read(&mut bytes)?;
        self.position += length;
        String::from_utf8(bytes).map_err(|_| OnnxError::Malformed)
    }

    fn skip(&mut self, length: u64) -> Result<(), OnnxError> {
        self.position = self.position.checked_add(length).ok_or(OnnxError::Malformed)?;
        self.input.skip(length)
    }
}
