//! Where everything stands in a container: chunks, parts and the arithmetic between them.

use std::ops::Range;

/// Parts and the stanza region begin at multiples of this many bytes.
pub const ALIGNMENT: u64 = 4096;

/// Bytes in an AES-GCM tag.
pub const TAG_LENGTH: usize = 16;

/// The most parts a container has.
pub const PART_LIMIT: usize = 4096;

/// The longest part in bytes: 1 TiB.
pub const PART_LENGTH_LIMIT: u64 = 1 << 40;

/// The most chunks in all parts together; their tags and digests are kept in memory while a container is open.
pub const CHUNK_LIMIT: u64 = 1 << 24;

/// The size of all chunks but the last of each part: a power of two from 64 KiB to 16 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize(u8);

impl ChunkSize {
    /// 256 KiB, for models below 256 MiB.
    pub const SMALL: Self = Self(18);
    /// 1 MiB, for all other models.
    pub const LARGE: Self = Self(20);

    /// The chunk size of 2^`log2` bytes, if `log2` is from 16 to 24.
    pub const fn from_log2(log2: u8) -> Option<Self> {
        if log2 >= 16 && log2 <= 24 { Some(Self(log2)) } else { None }
    }

    /// The default for a model of `total` bytes.
    pub const fn for_model(total: u64) -> Self {
        if total < 256 << 20 { Self::SMALL } else { Self::LARGE }
    }

    /// The size in bytes.
    pub const fn bytes(self) -> usize {
        1 << self.0
    }

    /// Returns the exponent of two.
    pub const fn log2(self) -> u8 {
        self.0
    }
}

/// One part's place in the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Offset of its first byte in the container.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// Number of its first chunk, counted over all parts.
    pub first_chunk: u64,
    /// How many chunks it has; never zero.
    pub chunks: u64,
}

/// One chunk: which it is, and the bytes of its part that it holds.
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

/// Places of all parts, and where the trailer begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Size of all chunks but the last of each part.
    pub chunk_size: ChunkSize,
    /// Position of each part.
    pub parts: Vec<Extent>,
    /// Offset of the trailer.
    pub trailer: u64,
    /// Number of chunks in all parts.
    pub chunks: u64,
}

impl Layout {
    /// Places parts of these lengths after `payload`, or nothing if they exceed a limit of the format.
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

    /// Chunk `index` of part `part`; both must exist.
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

    /// The chunk with this number, counted over all parts; it must exist.
    pub fn chunk_by_number(&self, number: u64) -> Chunk {
        let part = self.parts.partition_point(|extent| extent.first_chunk <= number) - 1;
        self.chunk(part, number - self.parts[part].first_chunk)
    }

    /// Where the bytes of a chunk stand in the container.
    pub fn position(&self, chunk: &Chunk) -> u64 {
        self.parts[chunk.part as usize].offset + chunk.start
    }

    /// The indices of the chunks of `part` that hold `length` bytes from `offset` on.
    pub fn chunks_of_range(&self, offset: u64, length: u64) -> Range<u64> {
        let size = self.chunk_size.bytes() as u64;
        if length == 0 { 0..0 } else { offset / size..(offset + length).div_ceil(size) }
    }

    /// The areas between parts, which must be zero.
    pub fn padding(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.parts.iter().map(|extent| extent.offset + extent.length..align(extent.offset + extent.length))
    }
}

/// The smallest multiple of 4096 that is not below `offset`.
pub const fn align(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGNMENT)
}

/// Whether every byte is zero.
pub fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// Reads a big-endian number of two bytes, which must be there.
pub fn read_be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Reads a big-endian number of four bytes, which must be there.
pub fn read_be32(bytes: &[u8], at: usize) -> u32 {
    u32::from(read_be16(bytes, at)) << 16 | u32::from(read_be16(bytes, at + 2))
}

/// Reads a big-endian number of eight bytes, which must be there.
pub fn read_be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(read_be32(bytes, at)) << 32 | u64::from(read_be32(bytes, at + 4))
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
    fn one_byte_more_opens_a_second_chunk() {
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
    fn limits_are_met() {
        let size = ChunkSize::from_log2(16).unwrap();
        assert_eq!(Layout::new(size, 8192, &[]), None);
        assert_eq!(Layout::new(size, 8192, &[PART_LENGTH_LIMIT + 1]), None);
        assert_eq!(Layout::new(size, 8192, &[PART_LENGTH_LIMIT, 1]), None);
        assert_eq!(Layout::new(size, 8192, &[0; PART_LIMIT + 1]), None);
    }
}
