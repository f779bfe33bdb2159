//! Positions of parts, chunks and the trailer in a container (`docs/format.md` §2 and §5).

use std::ops::Range;

/// Alignment of the stanza region, the parts and the trailer, in bytes.
pub const ALIGNMENT: u64 = 4096;

/// Maximum length of a stanza region, in bytes.
pub(crate) const REGION_LIMIT: u64 = 1 << 20;

/// Length of an AES-GCM tag, in bytes.
pub const TAG_LENGTH: usize = 16;

/// Maximum number of parts in a container.
pub const PART_LIMIT: usize = 4096;

/// Maximum length of a part, in bytes: 1 TiB.
pub const PART_LENGTH_LIMIT: u64 = 1 << 40;

/// Maximum number of chunks in all parts together.
///
/// An open container keeps 48 bytes in memory for each chunk: its tag and its digest.
pub const CHUNK_LIMIT: u64 = 1 << 24;

/// The size of every chunk except the last of a part: a power of two from 64 KiB to 16 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize(u8);

impl ChunkSize {
    /// 256 KiB, for models below 256 MiB.
    pub const SMALL: Self = Self(18);
    /// 1 MiB, for all other models.
    pub const LARGE: Self = Self(20);

    /// Returns the chunk size of 2^`log2` bytes, or `None` unless `log2` is 16 to 24.
    pub const fn from_log2(log2: u8) -> Option<Self> {
        if log2 >= 16 && log2 <= 24 { Some(Self(log2)) } else { None }
    }

    /// Returns the default for a model of `total` bytes.
    pub const fn for_model(total: u64) -> Self {
        if total < 256 << 20 { Self::SMALL } else { Self::LARGE }
    }

    /// Returns the size in bytes.
    pub const fn bytes(self) -> usize {
        1 << self.0
    }

    /// Returns the binary logarithm of the size in bytes.
    pub const fn log2(self) -> u8 {
        self.0
    }
}

/// The position of a part in the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Offset of its first byte in the container.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// Number of its first chunk, counted over all parts.
    pub first_chunk: u64,
    /// Number of its chunks, at least 1.
    pub chunks: u64,
}

/// A chunk: its position, and the bytes of its part that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Number of its part.
    pub part: u32,
    /// Number of the chunk in its part.
    pub index: u64,
    /// Number of the chunk, counted over all parts.
    pub number: u64,
    /// Offset of its first byte in the part.
    pub start: u64,
    /// Length in bytes.
    pub length: usize,
    /// True for the last chunk of a part.
    pub is_final: bool,
}

/// The positions of all parts and of the trailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Size of every chunk except the last of a part.
    pub chunk_size: ChunkSize,
    /// Position of each part.
    pub parts: Vec<Extent>,
    /// Offset of the trailer.
    pub trailer: u64,
    /// Number of chunks in all parts.
    pub chunks: u64,
}

impl Layout {
    /// Lays out parts of these lengths, starting at offset `payload`. Returns `None` if they exceed
    /// a limit of the format.
    pub fn new(chunk_size: ChunkSize, payload: u64, lengths: &[u64]) -> Option<Self> {
        if lengths.is_empty() || lengths.len() > PART_LIMIT {
            return None;
        }
        let mut layout =
            Self { chunk_size, parts: Vec::with_capacity(lengths.len()), trailer: payload, chunks: 0 };
        for &length in lengths {
            layout.push(length)?;
        }
        (layout.chunks <= CHUNK_LIMIT).then_some(layout)
    }

    fn push(&mut self, length: u64) -> Option<()> {
        if length > PART_LENGTH_LIMIT {
            return None;
        }
        let chunks = length.div_ceil(self.chunk_size.bytes() as u64).max(1);
        self.parts.push(Extent { offset: self.trailer, length, first_chunk: self.chunks, chunks });
        self.chunks += chunks;
        self.trailer = align(self.trailer + length);
        Some(())
    }

    /// Returns chunk `index` of part `part`. Both must exist.
    pub fn chunk(&self, part: usize, index: u64) -> Chunk {
        let extent = &self.parts[part];
        let size = self.chunk_size.bytes() as u64;
        let start = index * size;
        Chunk {
            part: part as u32,
            index,
            number: extent.first_chunk + index,
            start,
            length: (extent.length - start).min(size) as usize,
            is_final: index + 1 == extent.chunks,
        }
    }

    /// Returns the chunk with this number, counted over all parts. It must exist.
    pub fn chunk_by_number(&self, number: u64) -> Chunk {
        let part = self.parts.partition_point(|extent| extent.first_chunk <= number) - 1;
        self.chunk(part, number - self.parts[part].first_chunk)
    }

    /// Returns the offset of a chunk's first byte in the container.
    pub fn position(&self, chunk: &Chunk) -> u64 {
        self.parts[chunk.part as usize].offset + chunk.start
    }

    /// Returns the indices of the chunks that hold `length` bytes of a part, starting at `offset`.
    pub fn chunks_of_range(&self, offset: u64, length: u64) -> Range<u64> {
        let size = self.chunk_size.bytes() as u64;
        if length == 0 { 0..0 } else { offset / size..(offset + length).div_ceil(size) }
    }

    /// Returns the ranges between parts. Their bytes must be zero.
    pub fn padding(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.parts.iter().map(|extent| extent.offset + extent.length..align(extent.offset + extent.length))
    }
}

/// Returns the smallest multiple of 4096 that is not below `offset`.
pub const fn align(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGNMENT)
}

/// Returns true if every byte is zero.
pub fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// Reads the big-endian 2-byte integer at offset `at`, which must be within `bytes`.
pub fn read_be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(read_array(bytes, at))
}

/// Reads the big-endian 4-byte integer at offset `at`, which must be within `bytes`.
pub fn read_be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(read_array(bytes, at))
}

/// Reads the big-endian 8-byte integer at offset `at`, which must be within `bytes`.
pub fn read_be64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(read_array(bytes, at))
}

/// Reads the `N` bytes at offset `at`, which must be within `bytes`.
pub fn read_array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("the caller reads only fields within `bytes`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(lengths: &[u64]) -> Layout {
        Layout::new(ChunkSize::from_log2(16).unwrap(), 8192, lengths).unwrap()
    }

    #[test]
    fn an_empty_part_has_one_empty_final_chunk() {
        let chunk = layout(&[0]).chunk(0, 0);
        assert_eq!((chunk.length, chunk.is_final, layout(&[0]).trailer), (0, true, 8192));
    }

    #[test]
    fn a_part_of_exactly_one_chunk_ends_with_it() {
        let chunk = layout(&[65_536]).chunk(0, 0);
        assert_eq!((chunk.length, chunk.is_final), (65_536, true));
    }

    #[test]
    fn one_byte_more_starts_a_second_chunk() {
        let chunks = [0, 1].map(|index| layout(&[65_537]).chunk(0, index));
        assert_eq!(chunks.map(|chunk| (chunk.length, chunk.is_final)), [(65_536, false), (1, true)]);
    }

    #[test]
    fn chunk_numbers_run_over_all_parts() {
        let layout = layout(&[65_537, 0, 3]);
        let found: Vec<_> = (0..4).map(|n| layout.chunk_by_number(n)).map(|c| (c.part, c.index)).collect();
        assert_eq!(found, [(0, 0), (0, 1), (1, 0), (2, 0)]);
    }

    #[test]
    fn lengths_beyond_the_limits_are_rejected() {
        let size = ChunkSize::from_log2(16).unwrap();
        assert_eq!(Layout::new(size, 8192, &[]), None);
        assert_eq!(Layout::new(size, 8192, &[PART_LENGTH_LIMIT + 1]), None);
        assert_eq!(Layout::new(size, 8192, &[PART_LENGTH_LIMIT, 1]), None);
        assert_eq!(Layout::new(size, 8192, &[0; PART_LIMIT + 1]), None);
    }
}
