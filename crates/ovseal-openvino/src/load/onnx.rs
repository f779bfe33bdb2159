//! ONNX models, which the runtime reads with pointers into memory.

use std::iter;

use ovseal::onnx::{Pointer, Skeleton};
use ovseal::{MemoryLayout, Part, UnverifiedMapping};

use super::{SealedModelError, check_kind, start};

/// Decrypts an ONNX model and the parts that it refers to, and creates its skeleton.
///
/// The skeleton contains addresses in the returned mappings.
pub(super) fn read(
    part: &Part,
    is_overlapped: bool,
) -> Result<(Skeleton, Vec<UnverifiedMapping>), SealedModelError> {
    let parts: Vec<Part> = iter::once(part.clone()).chain(part.companions()).collect();
    let is_overlapped = is_overlapped && parts.len() <= OVERLAPPED_PARTS;
    let start = |part: &Part| start(part, is_overlapped && part.length() >= OVERLAPPED_LENGTH);
    let weights = parts.iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let skeleton = skeleton(&parts, &weights);
    // A chunk that is not authentic reads as zeros. Report the chunk, not what the walk found in
    // the zeros.
    weights[0].check()?;
    let skeleton = skeleton?;
    for (index, memory) in weights.iter().enumerate() {
        memory.bound(tensors(&skeleton, index), weights.len())?;
    }
    Ok((skeleton, weights))
}

/// Describes the tensors in one of the mappings, the model's own being the first.
fn tensors(skeleton: &Skeleton, index: usize) -> MemoryLayout {
    let of_mapping = |pointer: &&Pointer| pointer.companion.map_or(0, |companion| companion + 1) == index;
    let range = |pointer: &Pointer| pointer.offset..pointer.offset + pointer.length;
    MemoryLayout::new(skeleton.pointers().iter().filter(of_mapping).map(range).collect(), Vec::new())
}

/// Creates the skeleton of the first part, which contains addresses in `weights`.
fn skeleton(parts: &[Part], weights: &[UnverifiedMapping]) -> Result<Skeleton, SealedModelError> {
    let mut parts = parts.iter().zip(weights).map(|(part, memory)| (part, memory.hazmat_unverified()));
    let Some((part, model)) = parts.next() else { return Err(SealedModelError::NoModel) };
    check_kind(part, model)?;
    let companions: Vec<_> = parts.map(|(part, bytes)| (&part.entry().path, bytes)).collect();
    let skeleton = Skeleton::new(&part.entry().path, model, &companions)?;
    // Without the raw data of its tensors the content could pass for another format.
    check_kind(part, skeleton.as_ref())?;
    Ok(skeleton)
}

/// A smaller part is decrypted eagerly, because threads would cost more.
const OVERLAPPED_LENGTH: u64 = 1 << 20;

/// A model of more parts is decrypted eagerly, because each part would have its own threads.
const OVERLAPPED_PARTS: usize = 8;
