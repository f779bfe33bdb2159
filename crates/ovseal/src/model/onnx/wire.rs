//! Protobuf's wire format: fields, numbers and strings.

use super::OnnxError;
use super::input::Input;

/// A reader of one field after another.
pub(in crate::model) struct Reader<I> {
    input: I,
    /// Bytes read and skipped so far, to find the ends of messages.
    position: u64,
}

/// A field of a message.
///
/// The value of a number has already been read. For other fields, the reader is at the first byte
/// of the content.
pub(in crate::model) struct Field {
    pub(in crate::model) number: u64,
    /// Offset of the field's first byte.
    pub(super) start: u64,
    /// Offset of the byte after the key, where the length is if there is one.
    pub(super) length_at: u64,
    pub(in crate::model) content: Content,
}

/// The content of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Content {
    /// A variable-length number.
    Number(u64),
    /// Four or eight bytes, which were skipped.
    Fixed,
    /// This many bytes, which end within the message.
    Bytes(u64),
}

impl<I: Input> Reader<I> {
    pub(in crate::model) fn new(input: I) -> Self {
        Self { input, position: 0 }
    }

    pub(in crate::model) fn position(&self) -> u64 {
        self.position
    }

    /// Reads the next field of a message that ends at `end`.
    pub(in crate::model) fn field(&mut self, end: u64) -> Result<Field, OnnxError> {
        let start = self.position;
        let key = self.varint()?;
        let length_at = self.position;
        if length_at - start > KEY_BYTES || key > u64::from(u32::MAX) {
            return Err(OnnxError::Malformed);
        }
        let content = match key & 7 {
            0 => Content::Number(self.varint()?),
            1 => self.skip(8).map(|()| Content::Fixed)?,
            2 => Content::Bytes(self.varint()?),
            5 => self.skip(4).map(|()| Content::Fixed)?,
            // ONNX does not use groups (3 and 4).
            _ => return Err(OnnxError::Malformed),
        };
        let length = if let Content::Bytes(length) = content { length } else { 0 };
        let fits = self.position <= end && length <= end - self.position;
        let field = Field { number: key >> 3, start, length_at, content };
        if field.number == 0 || !fits { Err(OnnxError::Malformed) } else { Ok(field) }
    }

    pub(in crate::model) fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let mut byte = [0];
            self.input.read(&mut byte)?;
            self.position += 1;
            let bits = u64::from(byte[0] & 0x7f);
            // Only one bit of the tenth byte fits into the number.
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

    pub(super) fn text(&mut self, length: u64) -> Result<String, OnnxError> {
        if length > TEXT_LIMIT {
            return Err(OnnxError::Malformed);
        }
        let mut bytes = vec![0; length as usize];
        self.input.read(&mut bytes)?;
        self.position += length;
        String::from_utf8(bytes).map_err(|_| OnnxError::Malformed)
    }

    pub(super) fn skip(&mut self, length: u64) -> Result<(), OnnxError> {
        self.position = self.position.checked_add(length).ok_or(OnnxError::Malformed)?;
        self.input.skip(length)
    }
}

/// Encodes a number of variable length.
pub(in crate::model) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10);
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Encodes a field with this content.
pub(in crate::model) fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// Limit on the bytes of a key or value of external data, which is a path or a number.
const TEXT_LIMIT: u64 = 4096;

/// Limit on the bytes of a field's key. Protobuf drops bits of a longer one, and then reads it as
/// the key of another field.
const KEY_BYTES: u64 = 5;
