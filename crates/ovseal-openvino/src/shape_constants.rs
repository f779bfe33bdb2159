//! Constants by which the runtime decides while it reads and compiles: they must be in memory before it does.

use std::hint::black_box;
use std::ops::Range;

use ovseal::ir::{IrError, Topology};

/// Touches every page of `bytes`, so that all of them are in memory.
pub(crate) fn bring_in(bytes: &[u8]) {
    for page in bytes.chunks(LEAST_PAGE) {
        black_box(page.first().copied());
    }
    black_box(bytes.last().copied());
}

/// Touches the constants that decide, each page once, however many of them share it.
///
/// `weights` must be as long as [`Topology::check_length`] was told.
pub(crate) fn bring_in_all(network: &Topology, weights: &[u8]) {
    let mut done = 0;
    for range in network.shape_constants().iter().map(within) {
        let missing = range.start.max(done)..range.end;
        if !missing.is_empty() {
            done = missing.end;
            bring_in(&weights[missing]);
        }
    }
}

/// Checks the tables of strings in `weights`, which must be there and authentic.
///
/// # Errors
///
/// [`IrError`] for the first one that does not agree with its constant.
pub(crate) fn check_strings(network: &Topology, weights: &[u8]) -> Result<(), IrError> {
    network.string_tables().try_for_each(|(table, range)| table.check(&weights[within(&range)]))
}

/// A range of bytes that are in memory, so its ends fit the address space.
fn within(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// No kernel has smaller pages.
const LEAST_PAGE: usize = 4096;
