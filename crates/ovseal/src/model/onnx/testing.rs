//! Encoded models for tests.

use ovseal_format::part_path::PartPath;

use super::wire::{field, varint};

pub(super) fn path(text: &str) -> PartPath {
    PartPath::parse(text).unwrap()
}

/// Encodes the entries of a tensor with external data.
pub(super) fn tensor(entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &str)| {
        field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
    };
    entries.iter().flat_map(entry).collect()
}

/// Encodes a model whose graph has this tensor, `depth` subgraphs deep.
pub(super) fn model(tensor: &[u8], depth: usize) -> Vec<u8> {
    let mut graph = field(5, tensor);
    for _ in 0..depth {
        graph = field(1, &field(5, &field(6, &graph)));
    }
    field(7, &graph)
}

/// Encodes one model for each place that a tensor can have in a model.
pub(super) fn places(tensor: &[u8]) -> [Vec<u8>; 10] {
    let (graph, sparse) = (field(5, tensor), field(1, tensor));
    [
        model(tensor, 0),
        model(tensor, 30),
        field(7, &field(15, &sparse)),
        field(7, &field(15, &field(2, tensor))),
        field(7, &field(1, &field(5, &field(10, tensor)))),
        field(7, &field(1, &field(5, &field(22, &sparse)))),
        field(7, &field(1, &field(5, &field(23, &sparse)))),
        field(20, &field(2, &graph)),
        field(25, &field(11, &graph)),
        field(25, &field(7, &field(5, &field(11, &graph)))),
    ]
}

/// Encodes a field with a number.
pub(super) fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}
