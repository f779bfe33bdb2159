//! What a skeleton is put together from: ranges of the model's own bytes, and what stands between them.

use std::ops::Range;

use crate::model::onnx::tensor::{DATA_LOCATION, EXTERNAL_DATA, RAW_DATA};
use crate::model::onnx::wire::{field, varint};
use crate::model::onnx::{MEMORY_ADDRESS_LOCATION, OnnxError};

/// Bytes of a skeleton in their order. Messages in which nothing is replaced lie in one piece with what is around them.
#[derive(Default)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    /// Up to here the model's own bytes are in the pieces.
    copied: u64,
    /// Bytes in all pieces, without those of lengths that are still open.
    length: u64,
}

enum Piece {
    /// The model's own bytes.
    Own(Range<u64>),
    /// The length of a message.
    Length(u64),
    Data(Data),
}

/// Where a tensor has its data.
pub(super) enum Data {
    /// It has none: one of its dimensions is 0.
    Nowhere,
    /// In memory.
    At { address: usize, length: usize },
}

/// A message that has begun.
pub(super) struct Entered {
    /// What was there before it.
    pieces: usize,
    copied: u64,
    length: u64,
    /// Which piece is the length of the message.
    prefix: usize,
    /// Bytes before its content.
    before: u64,
}

/// Protobuf, with which OpenVINO reads the skeleton, takes no message of more bytes.
const LENGTH_LIMIT: u64 = i32::MAX as u64;

impl Pieces {
    /// Begins a message whose length stands at `length_at` and whose content at `content`.
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

    /// Puts `data` in the place of these fields of a tensor that ends at `end`.
    pub(super) fn replace(&mut self, fields: &[Range<u64>], end: u64, data: Data) {
        for field in fields {
            self.copy_to(field.start);
            self.copied = field.end;
        }
        self.copy_to(end);
        self.length += data.fields().len() as u64;
        self.pieces.push(Piece::Data(data));
    }

    /// Ends the model at `end`, and gives the length of the skeleton.
    pub(super) fn end(&mut self, end: u64) -> Result<usize, OnnxError> {
        self.copy_to(end);
        if self.length <= LENGTH_LIMIT { Ok(self.length as usize) } else { Err(OnnxError::TooLarge) }
    }

    /// Writes all pieces of `model` to `bytes`, which have the skeleton's length.
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

    /// Takes the model's own bytes up to `end`.
    fn copy_to(&mut self, end: u64) {
        if self.copied < end {
            self.pieces.push(Piece::Own(self.copied..end));
            self.length += end - self.copied;
            self.copied = end;
        }
    }
}

impl Data {
    /// The fields of a tensor that say it.
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

/// Writes `content` at the beginning of `bytes`, which has room for it, and goes on behind it.
fn put(bytes: &mut &mut [u8], content: &[u8]) {
    if let Some(place) = bytes.split_off_mut(..content.len()) {
        place.copy_from_slice(content);
    }
}
