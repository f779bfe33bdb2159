//! The pieces of a skeleton: ranges of the model's own bytes, and the new bytes between them.

use std::ops::Range;

use crate::model::onnx::tensor::{DATA_LOCATION, EXTERNAL_DATA, RAW_DATA};
use crate::model::onnx::wire::{field, varint};
use crate::model::onnx::{MEMORY_ADDRESS_LOCATION, OnnxError};

/// The bytes of a skeleton in order.
///
/// Messages in which nothing is replaced are in one piece with the bytes around them.
#[derive(Default)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    /// Offset up to which the model's own bytes are in the pieces, or were replaced.
    copied: u64,
    /// Length of all pieces, without the length fields of messages that have not ended.
    length: u64,
}

enum Piece {
    /// The model's own bytes.
    Own(Range<u64>),
    /// The length of a message.
    Length(u64),
    Data(Data),
}

/// The location of a tensor's data.
pub(super) enum Data {
    /// Nowhere, because one of its dimensions is 0.
    Nowhere,
    /// Memory at an address.
    At { address: usize, length: usize },
}

/// A message that has begun.
pub(super) struct Entered {
    /// Number of pieces before it.
    pieces: usize,
    copied: u64,
    length: u64,
    /// Index of the piece with the message's length.
    prefix: usize,
    /// Length of all pieces before its content.
    before: u64,
}

impl Pieces {
    /// Begins a message with its length at `length_at` and its content at `content`.
    pub(super) fn enter(&mut self, length_at: u64, content: u64) -> Entered {
        let (pieces, copied, length) = (self.pieces.len(), self.copied, self.length);
        self.copy_to(length_at);
        let prefix = self.pieces.len();
        self.pieces.push(Piece::Length(0));
        self.copied = content;
        Entered { pieces, copied, length, prefix, before: self.length }
    }

    /// Ends the message at `end`.
    pub(super) fn leave(&mut self, entered: &Entered, end: u64) {
        if self.pieces.len() == entered.prefix + 1 {
            // Nothing was replaced in it.
            self.pieces.truncate(entered.pieces);
            (self.copied, self.length) = (entered.copied, entered.length);
            return;
        }
        self.copy_to(end);
        let content = self.length - entered.before;
        self.pieces[entered.prefix] = Piece::Length(content);
        self.length += varint(content).len() as u64;
    }

    /// Replaces these fields of a tensor, which ends at `end`, with `data`.
    pub(super) fn replace(&mut self, fields: &[Range<u64>], end: u64, data: Data) {
        for field in fields {
            self.copy_to(field.start);
            self.copied = field.end;
        }
        self.copy_to(end);
        self.length += data.fields().len() as u64;
        self.pieces.push(Piece::Data(data));
    }

    /// Ends the model at `end`, and returns the length of the skeleton.
    pub(super) fn end(&mut self, end: u64) -> Result<usize, OnnxError> {
        self.copy_to(end);
        if self.length <= LENGTH_LIMIT { Ok(self.length as usize) } else { Err(OnnxError::TooLarge) }
    }

    /// Writes all pieces to `bytes`, which has the skeleton's length.
    pub(super) fn write(&self, model: &[u8], mut bytes: &mut [u8]) {
        for piece in &self.pieces {
            match piece {
                Piece::Own(range) => put(&mut bytes, &model[range.start as usize..range.end as usize]),
                Piece::Length(length) => put(&mut bytes, &varint(*length)),
                Piece::Data(data) => put(&mut bytes, &data.fields()),
            }
        }
        debug_assert!(bytes.is_empty(), "the length is that of all pieces");
    }

    /// Adds the model's own bytes up to `end`.
    fn copy_to(&mut self, end: u64) {
        if self.copied < end {
            self.pieces.push(Piece::Own(self.copied..end));
            self.length += end - self.copied;
            self.copied = end;
        }
    }
}

impl Data {
    /// Encodes the fields of a tensor with this place.
    fn fields(&self) -> Vec<u8> {
        let entry = |key: &str, value: &str| {
            field(EXTERNAL_DATA, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
        };
        match self {
            Self::Nowhere => field(RAW_DATA, b""),
            Self::At { address, length } => [
                [varint(DATA_LOCATION << 3), varint(1)].concat(),
                entry("location", MEMORY_ADDRESS_LOCATION),
                entry("offset", &address.to_string()),
                entry("length", &length.to_string()),
            ]
            .concat(),
        }
    }
}

/// Writes `content` to the beginning of `bytes`, which has room for it, and advances past it.
fn put(bytes: &mut &mut [u8], content: &[u8]) {
    if let Some(place) = bytes.split_off_mut(..content.len()) {
        place.copy_from_slice(content);
    }
}

/// Limit on the bytes of a message in protobuf, with which OpenVINO reads the skeleton.
const LENGTH_LIMIT: u64 = i32::MAX as u64;
