//! Models for tests, as they are written.

use super::wire::{field, varint};

/// The entries of a tensor with external data.
pub(super) fn tensor(entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &str)| {
        field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
    };
    entries.iter().flat_map(entry).collect()
}

/// A model whose graph has this tensor, `depth` subgraphs deep.
pub(super) fn model(tensor: &[u8], depth: usize) -> Vec<u8> {
    let mut graph = field(5, tensor);
    for _ in 0..depth {
        graph = field(1, &field(5, &field(6, &graph)));
    }
    field(7, &graph)
}

/// A field with a number.
pub(super) fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}
