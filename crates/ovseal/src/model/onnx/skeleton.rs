//! An ONNX model that points to its weights in memory.

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

/// An ONNX model without the raw data of its large tensors. It points to that data in memory.
///
/// A reference to an address replaces that data, and each reference to another part: `location` is
/// `*/_ORT_MEM_ADDR_/*`, `offset` the address, and `length` the length. OpenVINO reads the data at
/// that address. So no weights are copied, and only the bytes between them are read. Tensors below
/// 1 KiB, and those without raw data, stay as they are.
///
/// **A skeleton contains addresses.** Pass it to the runtime only while the bytes from which it was
/// made stay in memory at the same place.
pub struct Skeleton {
    bytes: ModelMemory,
    pointers: Vec<Pointer>,
}

/// The place of a tensor's data outside its [`Skeleton`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Index of the companion with the data; `None` for the model itself.
    pub companion: Option<usize>,
    /// Offset of the first byte there.
    pub offset: usize,
    /// Length in bytes, never 0.
    pub length: usize,
}

impl Skeleton {
    /// Creates the skeleton of the model at `path`.
    ///
    /// The companions are the parts to which the model may refer, with their bytes. None of these
    /// bytes is read. Of `model`, only the structure and small tensors are read.
    ///
    /// # Errors
    /// - [`OpenError::Onnx`] if the model is malformed, or refers to an address, a file that is not
    ///   a companion, or bytes beyond a file's end;
    /// - [`OpenError::Onnx`] if the length of a tensor's data does not match its shape and type,
    ///   since OpenVINO would read the bytes after it;
    /// - [`OpenError::Memory`] if there is not enough memory.
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

    /// Returns where the data of each tensor is, in the order of the tensors.
    #[must_use]
    pub fn pointers(&self) -> &[Pointer] {
        &self.pointers
    }

    /// Returns whether the skeleton is locked into memory.
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

/// The pieces and pointers of a skeleton, found in one walk over the model.
struct Plan<'m> {
    path: &'m PartPath,
    model: &'m [u8],
    companions: HashMap<&'m PartPath, (usize, &'m [u8])>,
    pieces: Pieces,
    pointers: Vec<Pointer>,
}

impl<'m> Plan<'m> {
    /// Returns the new place of a tensor's data, or `None` if the tensor stays as it is.
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

    /// Returns the index and bytes of the companion that a reference points to, if it has that
    /// range.
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
            // The length of an empty tensor is optional.
            None | Some(0) if length == 0 => 0,
            // Without a length, the data ends with the file, as in `onnx.external_data_helper`.
            None | Some(0) => bytes.len() as u64 - reference.offset,
        };
        if stated != length {
            return Err(OnnxError::WrongLength);
        }
        self.point_at(Some(index), bytes, reference.offset..reference.offset + length)
    }

    /// Points a tensor at a range of `bytes`.
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
        // The runtime turns the number back into a pointer.
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

/// Raw data shorter than this stays in the skeleton. A reference takes a tenth of this length.
const INLINE_LIMIT: u64 = 1024;

#[cfg(test)]
mod tests;
