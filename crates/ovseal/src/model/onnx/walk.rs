//! A walk over an ONNX model in its wire format.
//!
//! The walk builds no tree. An empty attribute takes two bytes on the wire, so the tree of a
//! hostile model of a few megabytes could take gigabytes.

use super::OnnxError;
use super::input::Input;
use super::tensor::Tensor;
use super::wire::{Content, Field, Reader};

/// A message of onnx.proto3 (IR version 13) that can contain tensors. All others are skipped.
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
    /// Returns the message in the field with this number, if it can contain tensors.
    pub(super) const fn field(self, number: u64) -> Option<Self> {
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

    /// Returns whether the field holds a single tensor.
    ///
    /// Protobuf would merge two such fields into one tensor with the dimensions of both.
    const fn holds_one_tensor(self, number: u64) -> bool {
        matches!((self, number), (Self::Attribute, 5 | 22) | (Self::SparseTensor, 1 | 2))
    }
}

/// A visitor of a model's tensors and the messages around them.
pub(super) trait Visitor {
    /// State of a message, kept until its end.
    type Entered;

    /// Begins a message that can contain tensors. Its content starts at `content`.
    fn enter(&mut self, field: &Field, content: u64) -> Self::Entered;

    /// Ends the message at `end`.
    fn leave(&mut self, entered: Self::Entered, end: u64);

    /// Visits a tensor, between the beginning and the end of the messages that contain it.
    fn tensor(&mut self, tensor: &Tensor) -> Result<(), OnnxError>;
}

/// Walks over the model of `length` bytes in `input`.
pub(super) fn walk<I: Input, V: Visitor>(input: I, length: u64, visitor: &mut V) -> Result<(), OnnxError> {
    Walk { reader: Reader::new(input), visitor }.message(Message::Model, length, 0)
}

struct Walk<'v, I, V> {
    reader: Reader<I>,
    visitor: &'v mut V,
}

impl<I: Input, V: Visitor> Walk<'_, I, V> {
    fn message(&mut self, message: Message, end: u64, depth: usize) -> Result<(), OnnxError> {
        if message == Message::Tensor {
            let tensor = Tensor::read(&mut self.reader, end)?;
            return self.visitor.tensor(&tensor);
        }
        let mut seen = 0u32;
        while self.reader.position() < end {
            let field = self.reader.field(end)?;
            let Content::Bytes(length) = field.content else { continue };
            let Some(inner) = message.field(field.number) else {
                self.reader.skip(length)?;
                continue;
            };
            if message.holds_one_tensor(field.number) {
                let bit = 1 << field.number;
                if seen & bit != 0 {
                    return Err(OnnxError::Malformed);
                }
                seen |= bit;
            }
            self.inner(inner, &field, length, depth + 1)?;
        }
        if self.reader.position() == end { Ok(()) } else { Err(OnnxError::Malformed) }
    }

    fn inner(&mut self, inner: Message, field: &Field, length: u64, depth: usize) -> Result<(), OnnxError> {
        if depth >= DEPTH_LIMIT {
            return Err(OnnxError::Malformed);
        }
        let content = self.reader.position();
        let entered = self.visitor.enter(field, content);
        self.message(inner, content + length, depth)?;
        self.visitor.leave(entered, content + length);
        Ok(())
    }
}

/// Limit on the nesting of messages, the same as protobuf's.
const DEPTH_LIMIT: usize = 100;

/// Limit on the references of a model. More would be an attack.
pub(super) const REFERENCE_LIMIT: usize = 1 << 20;
