//! Weights that stay in memory when room is short.

use std::ops::Range;

use ovseal::MemoryLayout;
use ovseal::ir::Topology;

/// Describes the constants of a network in memory that starts `offset` bytes before them.
///
/// Those that determine what the runtime does stay, and so do small ones: the runtime reads them
/// again and again, and each would bring in a whole chunk.
pub(crate) fn of_constants(network: &Topology, offset: usize) -> MemoryLayout {
    let in_memory = |range: Range<u64>| offset + range.start as usize..offset + range.end as usize;
    let (mut small, tensors): (Vec<_>, Vec<_>) =
        network.constants().map(in_memory).partition(|range| range.len() <= SMALL);
    small.sort_unstable_by_key(|range| (range.len(), range.start));
    small.dedup();
    let mut left = MOST_SMALL;
    let fits = |range: &Range<usize>| {
        left = left.checked_sub(range.len().max(SMALLEST_PAGE))?;
        Some(range.clone())
    };
    let mut kept: Vec<_> = small.iter().map_while(fits).collect();
    kept.extend(network.shape_constants().iter().cloned().map(in_memory));
    MemoryLayout::new(tensors, kept)
}

/// Bytes of the largest small constant, such as the biases of a layer.
const SMALL: usize = 16 << 10;

/// Bytes of all small constants that stay.
const MOST_SMALL: usize = 4 << 20;

/// The size of the smallest pages of any kernel.
const SMALLEST_PAGE: usize = 4096;
