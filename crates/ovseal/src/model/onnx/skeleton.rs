//! An ONNX model without its weights, which points at them in memory.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use ovseal_memory::ModelMemory;

use super::tensor::{DATA_LOCATION, EXTERNAL_DATA, RAW_DATA, Tensor};
use super::walk::{REFERENCE_LIMIT, Visitor, walk};
use super::wire::{Field, field, varint};
use super::{MEMORY_ADDRESS_LOCATION, OnnxError, Reference};
use crate::error::OpenError;
use crate::path::PartPath;

/// An ONNX model whose weights stand elsewhere in memory: its own bytes without the raw data of large tensors.
///
/// In the place of that data, and of references to other parts, each tensor has a reference to an address that OpenVINO
/// takes from: `location` `*/_ORT_MEM_ADDR_/*`, `offset` an address, `length`. So no weights are copied, and only the
/// bytes between them are read. Tensors of less than 1 KiB and those that are not kept as raw data stay where they are.
///
/// **It holds addresses.** Give it to the runtime only while the bytes that it was made from are in their place.
pub struct Skeleton {
    bytes: ModelMemory,
    pointers: Vec<Pointer>,
}

/// Where a tensor of a [`Skeleton`] has its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The companion that it lies in, as a position among them; `None` for the model itself.
    pub companion: Option<usize>,
    /// Offset of its first byte there.
    pub offset: usize,
    /// Its length in bytes, never 0.
    pub length: usize,
}

impl Skeleton {
    /// Makes the skeleton of the model at `path`.
    ///
    /// Of `model` the structure and small tensors are read, of the companions nothing. Each is a part that the model
    /// may name, with its bytes.
    ///
    /// # Errors
    ///
    /// [`OpenError::Onnx`] for a model that is malformed, that names an address, a file that is no companion or bytes
    /// beyond its end, or whose data does not have the length that shape and type of the tensor need: OpenVINO would read
    /// what stands behind it. [`OpenError::Memory`] when there is none.
    pub fn new(path: &PartPath, model: &[u8], companions: &[(&PartPath, &[u8])]) -> Result<Self, OpenError> {
        let refused = |source| OpenError::Onnx { part: path.clone(), source };
        let companions = companions.iter().enumerate().map(|(index, &(path, bytes))| (path, (index, bytes)));
        let mut plan = Plan::new(path, model, companions.collect());
        plan.read().map_err(refused)?;
        let mut bytes = ModelMemory::zeroed(plan.length as usize)?;
        plan.write(&mut bytes);
        Ok(Self { bytes, pointers: plan.pointers })
    }

    /// Where its tensors have their data, in the order in which they come.
    #[must_use]
    pub fn pointers(&self) -> &[Pointer] {
        &self.pointers
    }

    /// Whether it is locked into memory.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.bytes.is_locked()
    }
}

impl AsRef<[u8]> for Skeleton {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Skeleton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Skeleton({} bytes, {} pointers)", self.bytes.len(), self.pointers.len())
    }
}

/// Raw data of less than this stays in the skeleton: a reference takes a tenth of it, and lies in the same chunk anyway.
const INLINE_LIMIT: u64 = 1024;

/// Protobuf, with which OpenVINO reads the skeleton, takes no message of more bytes.
const LENGTH_LIMIT: u64 = i32::MAX as u64;

/// What a skeleton is put together from, found in one walk over the model.
struct Plan<'m> {
    path: &'m PartPath,
    model: &'m [u8],
    companions: HashMap<&'m PartPath, (usize, &'m [u8])>,
    pieces: Vec<Piece>,
    pointers: Vec<Pointer>,
    /// Up to here the model's own bytes are in the pieces.
    copied: u64,
    /// Bytes in all pieces, without those of lengths that are still open.
    length: u64,
}

/// Bytes of a skeleton.
enum Piece {
    /// The model's own, from here to there.
    Own(Range<u64>),
    /// The length of a message.
    Length(u64),
    /// What says where a tensor's data is.
    Data(Data),
}

/// Where a tensor's data is.
enum Data {
    Nowhere,
    At { address: usize, length: usize },
}

/// What a message had before it.
struct Entered {
    pieces: usize,
    copied: u64,
    length: u64,
    /// Which piece is the length of the message.
    prefix: usize,
    /// Bytes before its content.
    before: u64,
}

impl<'m> Plan<'m> {
    fn new(
        path: &'m PartPath,
        model: &'m [u8],
        companions: HashMap<&'m PartPath, (usize, &'m [u8])>,
    ) -> Self {
        let (pieces, pointers) = (Vec::new(), Vec::new());
        Self { path, model, companions, pieces, pointers, copied: 0, length: 0 }
    }

    fn read(&mut self) -> Result<(), OnnxError> {
        let (model, end) = (self.model, self.model.len() as u64);
        walk(model, end, self)?;
        self.copy_to(end);
        if self.length <= LENGTH_LIMIT { Ok(()) } else { Err(OnnxError::TooLarge) }
    }

    fn write(&self, mut bytes: &mut [u8]) {
        for piece in &self.pieces {
            match piece {
                Piece::Own(range) => put(&mut bytes, &self.model[range.start as usize..range.end as usize]),
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

    /// Where the data of a tensor that cannot stay as it is will be.
    fn data(&mut self, tensor: &Tensor) -> Result<Option<Data>, OnnxError> {
        let reference = Reference::parse(&tensor.entries)?;
        if tensor.is_external {
            return self.external(tensor, &reference.ok_or(OnnxError::Malformed)?).map(Some);
        }
        let is_plain = tensor.element_bits().is_some() && !tensor.is_segment;
        let raw = tensor.raw.clone().filter(|raw| raw.end - raw.start >= INLINE_LIMIT && is_plain);
        let Some(raw) = raw else { return Ok(None) };
        if tensor.length()? != raw.end - raw.start {
            return Err(OnnxError::WrongLength);
        }
        self.point_at(None, self.model, raw).map(Some)
    }

    fn external(&mut self, tensor: &Tensor, reference: &Reference) -> Result<Data, OnnxError> {
        let length = tensor.length()?;
        let path = reference.part_path(self.path)?;
        let Some(&(index, bytes)) = self.companions.get(&path) else {
            return Err(OnnxError::MissingFile { path });
        };
        let beyond = OnnxError::OutOfBounds { path };
        let rest = (bytes.len() as u64).checked_sub(reference.offset).ok_or(beyond.clone())?;
        match reference.length {
            Some(stated @ 1..) if stated > rest => return Err(beyond),
            Some(stated @ 1..) if stated != length => return Err(OnnxError::WrongLength),
            // Without a length the data goes to the end of the file, as in `onnx.external_data_helper`.
            None | Some(0) if length != rest && length != 0 => return Err(OnnxError::WrongLength),
            _ => {}
        }
        self.point_at(Some(index), bytes, reference.offset..reference.offset + length)
    }

    /// Lets a tensor have the bytes of `range`, which lies within `bytes`.
    fn point_at(
        &mut self,
        companion: Option<usize>,
        bytes: &[u8],
        range: Range<u64>,
    ) -> Result<Data, OnnxError> {
        let (offset, end) = (range.start as usize, range.end as usize);
        let data = bytes.get(offset..end).ok_or(OnnxError::Malformed)?;
        if data.is_empty() {
            return Ok(Data::Nowhere);
        }
        if self.pointers.len() == REFERENCE_LIMIT {
            return Err(OnnxError::Malformed);
        }
        self.pointers.push(Pointer { companion, offset, length: data.len() });
        // The runtime reads through the number.
        Ok(Data::At { address: data.as_ptr().expose_provenance(), length: data.len() })
    }
}

impl Visitor for Plan<'_> {
    type Entered = Entered;

    fn enter(&mut self, field: &Field, content: u64) -> Entered {
        let (pieces, copied, length) = (self.pieces.len(), self.copied, self.length);
        self.copy_to(field.length_at);
        let prefix = self.pieces.len();
        self.pieces.push(Piece::Length(0));
        self.copied = content;
        Entered { pieces, copied, length, prefix, before: self.length }
    }

    fn leave(&mut self, entered: Entered, end: u64) {
        if self.pieces.len() == entered.prefix + 1 {
            // Nothing in it has changed: it is copied with what stands around it.
            self.pieces.truncate(entered.pieces);
            (self.copied, self.length) = (entered.copied, entered.length);
            return;
        }
        self.copy_to(end);
        let content = self.length - entered.before;
        self.pieces[entered.prefix] = Piece::Length(content);
        self.length += varint(content).len() as u64;
    }

    fn tensor(&mut self, tensor: &Tensor) -> Result<(), OnnxError> {
        let Some(data) = self.data(tensor)? else { return Ok(()) };
        for field in &tensor.location_fields {
            self.copy_to(field.start);
            self.copied = field.end;
        }
        self.copy_to(tensor.end);
        self.length += data.fields().len() as u64;
        self.pieces.push(Piece::Data(data));
        Ok(())
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

#[cfg(test)]
mod tests;
