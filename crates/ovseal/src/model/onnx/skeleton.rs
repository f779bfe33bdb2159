//! An ONNX model without its weights, which points at them in memory.

mod pieces;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use ovseal_format::part_path::PartPath;
use ovseal_memory::ModelMemory;

use self::pieces::{Data, Entered, Pieces};
use super::tensor::Tensor;
use super::walk::{REFERENCE_LIMIT, Visitor, walk};
use super::wire::Field;
use super::{OnnxError, Reference};
use crate::error::OpenError;

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
        let companions = companions.collect();
        let mut plan = Plan { path, model, companions, pieces: Pieces::default(), pointers: Vec::new() };
        walk(model, model.len() as u64, &mut plan).map_err(refused)?;
        let length = plan.pieces.end(model.len() as u64).map_err(refused)?;
        let mut bytes = ModelMemory::zeroed(length)?;
        plan.pieces.write(model, &mut bytes);
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

/// What a skeleton is put together from, found in one walk over the model.
struct Plan<'m> {
    path: &'m PartPath,
    model: &'m [u8],
    companions: HashMap<&'m PartPath, (usize, &'m [u8])>,
    pieces: Pieces,
    pointers: Vec<Pointer>,
}

impl<'m> Plan<'m> {
    /// Where the data of a tensor that cannot stay as it is will be.
    fn data(&mut self, tensor: &Tensor) -> Result<Option<Data>, OnnxError> {
        let reference = Reference::parse(&tensor.entries)?;
        let companion = reference.as_ref().map(|reference| self.companion(reference)).transpose()?;
        if tensor.is_external {
            let (reference, companion) = reference.zip(companion).ok_or(OnnxError::Malformed)?;
            return self.external(tensor, &reference, companion).map(Some);
        }
        let is_plain = tensor.element_bits().is_some() && !tensor.is_segment;
        let raw = tensor.raw.clone().filter(|raw| raw.end - raw.start >= INLINE_LIMIT && is_plain);
        let Some(raw) = raw else { return Ok(None) };
        if tensor.length()? != raw.end - raw.start {
            return Err(OnnxError::WrongLength);
        }
        self.point_at(None, self.model, raw).map(Some)
    }

    /// Position and bytes of the companion that a reference names, which has the bytes that are referred to.
    fn companion(&self, reference: &Reference) -> Result<(usize, &'m [u8]), OnnxError> {
        let path = reference.part_path(self.path)?;
        let Some(&(index, bytes)) = self.companions.get(&path) else {
            return Err(OnnxError::MissingFile { path });
        };
        let is_within = reference.end().is_some_and(|end| end <= bytes.len() as u64);
        if is_within { Ok((index, bytes)) } else { Err(OnnxError::OutOfBounds { path }) }
    }

    fn external(
        &mut self,
        tensor: &Tensor,
        reference: &Reference,
        (index, bytes): (usize, &[u8]),
    ) -> Result<Data, OnnxError> {
        let length = tensor.length()?;
        let stated = match reference.length {
            Some(stated @ 1..) => stated,
            // An empty tensor may say so, or not.
            None | Some(0) if length == 0 => 0,
            // Without a length the data goes to the end of the file, as in `onnx.external_data_helper`.
            None | Some(0) => bytes.len() as u64 - reference.offset,
        };
        if stated != length {
            return Err(OnnxError::WrongLength);
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
        self.pieces.enter(field.length_at, content)
    }

    fn leave(&mut self, entered: Entered, end: u64) {
        self.pieces.leave(&entered, end);
    }

    fn tensor(&mut self, tensor: &Tensor) -> Result<(), OnnxError> {
        if let Some(data) = self.data(tensor)? {
            self.pieces.replace(&tensor.location_fields, tensor.end, data);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
