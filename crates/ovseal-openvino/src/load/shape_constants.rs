//! Constants that determine what the runtime does while it reads and compiles a network.
//!
//! These constants must be in memory before the runtime starts.

use std::hint::black_box;
use std::ops::Range;

use ovseal::ir::{IrError, Topology};

/// Touches every page of `bytes`, which brings all of them into memory.
pub(crate) fn bring_in(bytes: &[u8]) {
    for page in bytes.chunks(SMALLEST_PAGE) {
        black_box(page.first().copied());
    }
    black_box(bytes.last().copied());
}

/// Touches the shape constants of a network. Each page is touched once, even if several constants
/// share it.
///
/// `weights` must have the length that [`Topology::check_length`] has checked.
pub(crate) fn bring_in_all(network: &Topology, weights: &[u8]) {
    let mut done = 0;
    for range in network.shape_constants().iter().map(in_memory) {
        let missing = range.start.max(done)..range.end;
        if !missing.is_empty() {
            done = missing.end;
            bring_in(&weights[missing]);
        }
    }
}

/// Checks the tables of strings in `weights`, which must be in memory and authentic.
///
/// # Errors
///
/// [`IrError`] for the first table that does not match its constant.
pub(crate) fn check_strings(network: &Topology, weights: &[u8]) -> Result<(), IrError> {
    network.string_tables().try_for_each(|(table, range)| table.check(&weights[in_memory(&range)]))
}

/// Converts a range of bytes that are in memory, so that its ends fit `usize`.
fn in_memory(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// Size of the smallest pages of any kernel, in bytes.
const SMALLEST_PAGE: usize = 4096;
