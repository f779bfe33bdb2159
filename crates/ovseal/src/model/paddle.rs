//! Parameters of PaddlePaddle: a sequence of tensors, each with a description.
//!
//! OpenVINO's parser trusts the lengths in the sequence, so they are checked here. A tensor is:
//!
//! - version: 4 bytes, zero;
//! - level of detail: 8 bytes, zero;
//! - version: 4 bytes, zero;
//! - length of the description: 4 bytes, little-endian;
//! - description: a protobuf message with the element type (field 1) and the extents (field 2);
//! - data.
//!
//! Source: `framework.proto`, `lod_tensor.cc` and `tensor_util.cc` of PaddlePaddle;
//! `input_model.cpp` of OpenVINO's PaddlePaddle frontend.

use std::io;

use super::extents::Extents;
use super::onnx::wire::{Content, Reader};

/// The error for parameters that are malformed or cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaddleError {
    /// They cannot be read.
    #[error("the parameters cannot be read: {0}")]
    Read(io::ErrorKind),
    /// A tensor is malformed or truncated.
    #[error("tensor {number} of the parameters is malformed or truncated")]
    Malformed {
        /// Number of the tensor, from 1.
        number: u64,
    },
}

/// Checks that `length` bytes of parameters are complete tensors.
///
/// `read` returns the given number of bytes at an offset. The data of tensors is not read.
///
/// # Errors
/// [`PaddleError`] for the first tensor that is not complete.
pub fn check_parameters(
    length: u64,
    mut read: impl FnMut(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<(), PaddleError> {
    let (mut offset, mut number) = (0, 0);
    while offset < length {
        number += 1;
        let malformed = PaddleError::Malformed { number };
        let mut take = |count: usize| {
            let start = offset;
            offset = end(start, count as u64, length).ok_or(malformed)?;
            read(start, count).map_err(|error| PaddleError::Read(error.kind()))
        };
        let described = description_length(&take(HEAD)?).ok_or(malformed)?;
        let data = data_length(&take(described)?).ok_or(malformed)?;
        offset = end(offset, data, length).ok_or(malformed)?;
    }
    Ok(())
}

/// Returns the offset after `count` bytes at `offset`, if it is within `length`.
fn end(offset: u64, count: u64, length: u64) -> Option<u64> {
    offset.checked_add(count).filter(|&end| end <= length)
}

/// Returns the length of the description that follows the head of a tensor.
fn description_length(head: &[u8]) -> Option<usize> {
    let (zeros, length) = head.split_last_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    (zeros.iter().all(|&byte| byte == 0) && length <= MOST_DESCRIBED).then_some(length)
}

/// Returns the length of the data, as stated by its description.
fn data_length(description: &[u8]) -> Option<u64> {
    let end = description.len() as u64;
    let mut reader = Reader::new(description);
    let (mut extents, mut width) = (Extents::new(), None);
    while reader.position() < end {
        let field = reader.field(end).ok()?;
        match (field.number, field.content) {
            (1, Content::Number(element_type)) => width = Some(bytes_of(element_type)?),
            (2, Content::Number(extent)) => extents.multiply(extent)?,
            // Extents can be packed, as proto3 does by default.
            (2, Content::Bytes(length)) => {
                let end = reader.position() + length;
                while reader.position() < end {
                    extents.multiply(reader.varint().ok()?)?;
                }
            }
            _ => return None,
        }
    }
    extents.elements().checked_mul(width?)
}

/// Returns the size of an element from the number of its type in `VarType.Type`.
fn bytes_of(element_type: u64) -> Option<u64> {
    Some(match element_type {
        0 | 20 | 21 => 1,
        1 | 4 | 22 => 2,
        2 | 5 => 4,
        3 | 6 | 19 => 8,
        _ => return None,
    })
}

/// Length of the head, before the description.
const HEAD: usize = 20;

/// Limit on the length of a description, which takes up to 11 bytes per extent.
const MOST_DESCRIBED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parameters: &[u8]) -> Result<(), PaddleError> {
        let read = |offset: u64, count| Ok(parameters[offset as usize..][..count].to_vec());
        check_parameters(parameters.len() as u64, read)
    }

    fn tensor(description: &[u8], data: usize) -> Vec<u8> {
        let mut tensor = vec![0; 16];
        tensor.extend((description.len() as u32).to_le_bytes());
        tensor.extend(description);
        tensor.resize(tensor.len() + data, 7);
        tensor
    }

    /// Type 5 is `float`, and the extents are 3 and 2.
    const DESCRIPTION: [u8; 6] = [1 << 3, 5, 2 << 3, 3, 2 << 3, 2];
    const PACKED: [u8; 6] = [1 << 3, 5, 2 << 3 | 2, 2, 3, 2];

    #[test]
    fn complete_tensors_are_accepted() {
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[tensor(&DESCRIPTION, 24), tensor(&PACKED, 24)].concat()), Ok(()));
    }

    #[test]
    fn every_truncation_is_reported_with_its_tensor() {
        let two = [tensor(&DESCRIPTION, 24), tensor(&DESCRIPTION, 24)].concat();
        for length in (1..two.len()).filter(|&length| length != two.len() / 2) {
            let number = if length < two.len() / 2 { 1 } else { 2 };
            assert_eq!(check(&two[..length]), Err(PaddleError::Malformed { number }), "{length} bytes");
        }
    }

    #[test]
    fn wrong_descriptions_are_rejected() {
        let first = Err(PaddleError::Malformed { number: 1 });
        for description in [
            &[1 << 3, 99, 2 << 3, 3][..],
            &[2 << 3, 3],
            &[1 << 3, 5, 2 << 3, 255, 255, 255, 255, 255, 255, 255, 255, 127, 2 << 3, 9],
            &[1 << 3, 5, 2 << 3, 0, 2 << 3, 255, 255, 255, 255, 255, 255, 255, 255, 127, 2 << 3, 9],
            &[3 << 3, 5],
            &[1 << 3],
        ] {
            assert_eq!(check(&tensor(description, 24)), first, "{description:?}");
        }
        let mut detailed = tensor(&DESCRIPTION, 24);
        detailed[4] = 1;
        assert_eq!(check(&detailed), first);
        assert_eq!(check(&tensor(&[0; 5000], 24)), first);
    }
}
