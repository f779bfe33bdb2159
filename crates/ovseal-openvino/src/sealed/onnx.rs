//! ONNX models, which the runtime reads with pointers into memory.

use std::iter;

use ovseal::onnx::Skeleton;
use ovseal::{Part, UnverifiedMapping};

use super::decrypted::{Topology, check_kind, start};
use super::{Decrypted, SealedModelError};

impl Decrypted {
    /// Decrypts an ONNX model and the parts that it names, and makes its skeleton.
    pub(super) fn read_onnx(part: &Part, is_overlapped: bool) -> Result<Self, SealedModelError> {
        let parts: Vec<Part> = iter::once(part.clone()).chain(part.companions()).collect();
        let is_overlapped = is_overlapped && parts.len() <= OVERLAPPED_PARTS;
        let start = |part: &Part| start(part, is_overlapped && part.length() >= OVERLAPPED_LENGTH);
        let weights = parts.iter().map(start).collect::<Result<Vec<_>, _>>()?;
        let skeleton = skeleton(&parts, &weights);
        // Where a chunk is not authentic the model has zeros, and what was found in them is a consequence.
        weights[0].check()?;
        Ok(Self { topology: Topology::Skeleton(skeleton?), weights })
    }
}

/// Makes the skeleton of the first part. It holds addresses in `weights`.
fn skeleton(parts: &[Part], weights: &[UnverifiedMapping]) -> Result<Skeleton, SealedModelError> {
    let mut parts = parts.iter().zip(weights).map(|(part, memory)| (part, memory.hazmat_unverified()));
    let Some((part, model)) = parts.next() else { return Err(SealedModelError::NoModel) };
    check_kind(part, model)?;
    let companions: Vec<_> = parts.map(|(part, bytes)| (&part.entry().path, bytes)).collect();
    let skeleton = Skeleton::new(&part.entry().path, model, &companions)?;
    // Zero bytes of a tensor that hid something from other parsers may be gone from it.
    check_kind(part, skeleton.as_ref())?;
    Ok(skeleton)
}

/// A part of less than this is decrypted at once: a thread costs more.
const OVERLAPPED_LENGTH: u64 = 1 << 20;

/// A model of more parts than this is decrypted at once: each of them would have threads of its own.
const OVERLAPPED_PARTS: usize = 8;
