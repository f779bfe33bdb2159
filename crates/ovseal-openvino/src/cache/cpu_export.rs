//! The layout of a model that the CPU plugin exported.

use std::ops::Range;

use ovseal_memory::{MemoryError, ModelMemory};

/// Returns the range of the constants: the bytes that no parser reads.
///
/// `None` if the layout differs in any way from that of OpenVINO 2026.4. There, a frame with the
/// version comes first, then a header with the offsets of three contiguous sections. These are the
/// inputs and outputs, the constants, and the topology. Source: `graph_serializer/serializer.cpp`
/// and `deserializer.cpp` of the plugin.
pub(super) fn constants(exported: &[u8]) -> Option<Range<usize>> {
    let mut rest = exported;
    if rest.split_off(..MAGIC.len())? != MAGIC || rest.split_off(..VERSION.len())? != VERSION {
        return None;
    }
    let described = take_length(&mut rest).filter(|&length| length <= MOST_DESCRIBED)?;
    rest.split_off(..described)?;
    let sections = rest;
    let mut header = [0; 6];
    for value in &mut header {
        *value = take_length(&mut rest)?;
    }
    let [ports, ports_length, constants, constants_length, topology, topology_length] = header;
    let are_contiguous = ports == size_of_val(&header)
        && ports.checked_add(ports_length)? == constants
        && constants.checked_add(constants_length)? == topology
        && topology.checked_add(topology_length)? == sections.len();
    let start = exported.len() - sections.len();
    are_contiguous.then(|| start + constants..start + topology)
}

/// Returns the topology in the last section, if it is obfuscated as in OpenVINO 2026.4: XORed with
/// a fixed word. Source: `codec_xor.cpp` of the plugin.
pub(super) fn topology(section: &[u8]) -> Result<Option<ModelMemory>, MemoryError> {
    let mut topology = ModelMemory::zeroed(section.len())?;
    for (line, obfuscated) in topology.chunks_mut(WORD.len()).zip(section.chunks(WORD.len())) {
        line.iter_mut().zip(obfuscated.iter().zip(WORD)).for_each(|(byte, (from, with))| *byte = from ^ with);
    }
    Ok(topology.starts_with(b"<?xml ").then_some(topology))
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let length = bytes.split_off(..size_of::<u64>())?.try_into().ok()?;
    usize::try_from(u64::from_le_bytes(length)).ok()
}

const MAGIC: &[u8] = b"RR_UPCVO";

/// The version of the frame, 1.
const VERSION: &[u8] = &[1, 0, 0, 0];

const WORD: [u8; 12] = [0x30, 0x60, 0x70, 0x02, 0x04, 0x08, 0x3F, 0x6F, 0x72, 0x74, 0x78, 0x7F];

/// The runtime's version and the instruction set take about 40 bytes.
const MOST_DESCRIBED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a frame with a description of 3 bytes, a header, and sections of `length` bytes.
    fn exported(header: [u64; 6], length: usize) -> Vec<u8> {
        let numbers = header.iter().flat_map(|number| number.to_le_bytes());
        let mut bytes = [MAGIC, VERSION, &3_u64.to_le_bytes(), b"x=1"].concat();
        bytes.extend(numbers);
        bytes.resize(MAGIC.len() + 4 + 8 + 3 + length, 7);
        bytes
    }

    const GOOD: [u64; 6] = [48, 10, 58, 100, 158, 20];

    #[test]
    fn the_constants_lie_between_the_other_two_sections() {
        assert_eq!(constants(&exported(GOOD, 178)), Some(23 + 58..23 + 158));
        assert_eq!(constants(&exported([48, 0, 48, 0, 48, 5], 53)), Some(23 + 48..23 + 48));
    }

    #[test]
    fn an_obfuscated_topology_is_read_and_anything_else_is_none() {
        let plain = b"<?xml version=\"1.0\"?><net/>";
        let obfuscated: Vec<u8> =
            plain.iter().zip(WORD.iter().cycle()).map(|(byte, with)| byte ^ with).collect();
        assert_eq!(topology(&obfuscated).unwrap().unwrap()[..], plain[..]);
        for other in [&plain[..], &obfuscated[1..], &[]] {
            assert!(topology(other).unwrap().is_none());
        }
    }

    #[test]
    fn any_other_layout_is_none() {
        assert_eq!(constants(&exported(GOOD, 177)), None);
        assert_eq!(constants(&exported(GOOD, 179)), None);
        for (index, number) in GOOD.into_iter().enumerate() {
            for other in [0, number - 1, number + 1, u64::MAX, u64::MAX - number] {
                let mut header = GOOD;
                header[index] = other;
                assert_eq!(constants(&exported(header, 178)), None, "{header:?}");
            }
        }
        let good = exported(GOOD, 178);
        for cut in 0..good.len() {
            assert_eq!(constants(&good[..cut]), None, "{cut}");
        }
        for at in 0..20 {
            let mut other = good.clone();
            other[at] ^= 1;
            assert_eq!(constants(&other), None, "byte {at}");
        }
        assert_eq!(constants(&[0; 200]), None);
    }
}
