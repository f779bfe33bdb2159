use ovseal_format::error_kind::ErrorKind;

use super::*;
use crate::model::onnx::references;
use crate::model::onnx::testing::{model, number, path, places, tensor};
use crate::model::onnx::wire::{field, varint};

mod expansion;

const FLOAT: u64 = 1;

/// Makes the skeleton of a model at `m/net.onnx` with `m/w` next to it.
fn skeleton(model: &[u8], weights: &[u8]) -> Result<Skeleton, OnnxError> {
    Skeleton::new(&path("m/net.onnx"), model, &[(&path("m/w"), weights)]).map_err(|error| match error {
        OpenError::Onnx { part, source } if part == path("m/net.onnx") => source,
        other => panic!("{other}"),
    })
}

/// Encodes the dimensions and type of a tensor.
fn shape(dimensions: &[u64], data_type: u64) -> Vec<u8> {
    let dimensions = dimensions.iter().flat_map(|&extent| number(1, extent));
    dimensions.chain(number(2, data_type)).collect()
}

/// Encodes a tensor of `count` floats inside the model.
fn floats(count: usize) -> Vec<u8> {
    [shape(&[count as u64], FLOAT), field(8, b"name"), field(9, &vec![7; 4 * count])].concat()
}

/// Encodes a tensor of this shape with its data in the file `w`.
fn external(dimensions: &[u64], data_type: u64, entries: &[(&str, &str)]) -> Vec<u8> {
    let entries = [&[("location", "w")], entries].concat();
    [shape(dimensions, data_type), tensor(&entries), number(14, 1)].concat()
}

/// Encodes a tensor's data location at this address, as a skeleton has it.
fn pointer(address: *const u8, length: usize) -> Vec<u8> {
    let (address, length) = (address.addr().to_string(), length.to_string());
    let entries = [("location", "*/_ORT_MEM_ADDR_/*"), ("offset", &address), ("length", &length)];
    [number(14, 1), tensor(&entries)].concat()
}

#[test]
fn raw_data_is_replaced_by_a_pointer() {
    let before = [number(1, 9), field(2, b"producer")].concat();
    let graph = |tensor: &[u8]| [field(1, b""), field(5, tensor), field(2, b"graph")].concat();
    let bytes = [before.clone(), field(7, &graph(&floats(256))), number(5, 3)].concat();
    let made = skeleton(&bytes, b"").unwrap();

    let Pointer { companion: None, offset, length: 1024 } = made.pointers()[0] else { panic!("{made:?}") };
    assert_eq!(bytes[offset - 3..][..1027], [&[9 << 3 | 2, 0x80, 8][..], &[7; 1024]].concat());
    let tensor = [shape(&[256], FLOAT), field(8, b"name"), pointer(&bytes[offset], 1024)].concat();
    let expected = [before, field(7, &graph(&tensor)), number(5, 3)].concat();
    assert_eq!(made.as_ref(), expected);
    assert_eq!(format!("{made:?}"), format!("Skeleton({} bytes, 1 pointers)", expected.len()));
}

#[test]
fn tensors_are_found_in_every_place() {
    for (inline, outside) in places(&floats(256)).iter().zip(places(&external(&[256], FLOAT, &[]))) {
        let made = skeleton(inline, b"").unwrap();
        assert!(made.pointers().len() == 1 && made.as_ref().len() < inline.len() - 800, "{made:?}");
        let pointers = [Pointer { companion: Some(0), offset: 0, length: 1024 }];
        assert_eq!(skeleton(&outside, &[1; 1024]).unwrap().pointers(), pointers);
    }
}

#[test]
fn data_that_is_small_not_raw_or_of_an_unknown_type_stays() {
    let stale = [floats(3), tensor(&[("location", "w")])].concat();
    for tensor in [
        floats(255),
        [shape(&[512], FLOAT), field(4, &[7; 2048])].concat(),
        [shape(&[512], 8), field(9, &[7; 2048])].concat(),
        [floats(512), field(3, &[])].concat(),
        stale,
    ] {
        for bytes in places(&tensor) {
            let made = skeleton(&bytes, b"").unwrap();
            assert_eq!((made.as_ref(), made.pointers().len()), (&bytes[..], 0));
        }
    }
}

#[test]
fn references_become_addresses_in_the_companion() {
    let weights = vec![3; 5000];
    for (dimensions, data_type, entries, expected) in [
        (&[20, 5][..], FLOAT, &[("offset", "4096"), ("length", "400")][..], 4096..4496),
        (&[2], 7, &[("length", "16")], 0..16),
        (&[7], 22, &[("offset", "4996"), ("checksum", "x")], 4996..5000),
        (&[], 11, &[("offset", "1"), ("length", "8")], 1..9),
        (&[452], 16, &[("offset", "4096"), ("length", "0")], 4096..5000),
    ] {
        let bytes = model(&external(dimensions, data_type, entries), 1);
        let made = skeleton(&bytes, &weights).unwrap();
        let length = expected.end - expected.start;
        let pointers = [Pointer { companion: Some(0), offset: expected.start, length }];
        assert_eq!(made.pointers(), pointers);
        let tensor = [shape(dimensions, data_type), pointer(&weights[expected.start], length)].concat();
        assert_eq!(made.as_ref(), model(&tensor, 1));
    }
}

#[test]
fn a_tensor_without_elements_needs_no_address() {
    for entries in [&[][..], &[("offset", "100")], &[("offset", "3"), ("length", "0")]] {
        let made = skeleton(&model(&external(&[0, 3], FLOAT, entries), 0), &[0; 100]).unwrap();
        assert_eq!(made.as_ref(), model(&[shape(&[0, 3], FLOAT), field(9, b"")].concat(), 0));
        assert!(made.pointers().is_empty());
    }
}

#[test]
fn data_whose_length_does_not_match_its_shape_and_type_is_rejected() {
    let negative = u64::MAX;
    for (dimensions, length) in [
        (&[255][..], "1024"),
        (&[257], "1024"),
        (&[257], "0"),
        (&[negative], "1024"),
        (&[negative, negative], "4"),
        (&[1 << 32, 1 << 32], "1024"),
        (&[1 << 62, 4], "1024"),
        (&[256, 256], "1024"),
    ] {
        let outside = model(&external(dimensions, FLOAT, &[("length", length)]), 0);
        assert_eq!(skeleton(&outside, &[0; 1024]).err(), Some(OnnxError::WrongLength), "{dimensions:?}");
        let inline = model(&[shape(dimensions, FLOAT), field(9, &[0; 1024])].concat(), 0);
        assert_eq!(skeleton(&inline, b"").err(), Some(OnnxError::WrongLength), "{dimensions:?}");
    }
    let packed = [field(1, &[16, 16]), number(2, FLOAT), field(9, &[0; 1024])].concat();
    assert_eq!(skeleton(&model(&packed, 0), b"").unwrap().pointers().len(), 1);
    let repeated = [field(1, &[16, 16]), floats(256)].concat();
    assert_eq!(skeleton(&model(&repeated, 0), b"").err(), Some(OnnxError::WrongLength));
}

#[test]
fn references_beyond_the_companion_are_rejected() {
    let beyond = Some(OnnxError::OutOfBounds { path: path("m/w") });
    for (offset, length) in [("1", "1024"), ("1025", "1024"), ("18446744073709551615", "1024"), ("2000", "0")]
    {
        let entries = [("offset", offset), ("length", length)];
        let bytes = model(&external(&[256], FLOAT, &entries), 0);
        assert_eq!(skeleton(&bytes, &[0; 1024]).err(), beyond, "{offset} {length}");
    }
    let long = model(&external(&[1 << 40], FLOAT, &[("length", "4398046511104")]), 0);
    assert_eq!(skeleton(&long, &[0; 1024]).err(), beyond);
}

#[test]
fn forbidden_locations_are_rejected() {
    let located = |location| [shape(&[1], FLOAT), tensor(&[("location", location)]), number(14, 1)].concat();
    for (location, expected) in [
        ("*/_ORT_MEM_ADDR_/*", OnnxError::MemoryAddress),
        ("../w", OnnxError::Outside),
        ("net.onnx", OnnxError::MissingFile { path: path("m/net.onnx") }),
        ("none", OnnxError::MissingFile { path: path("m/none") }),
    ] {
        for bytes in places(&located(location)) {
            assert_eq!(skeleton(&bytes, &[0; 4]).err(), Some(expected.clone()));
        }
    }
    // The runtime ignores these, but another reader might not.
    let unmarked = |location| [floats(1), tensor(&[("location", location)])].concat();
    for (location, expected) in
        [("*/_ORT_MEM_ADDR_/*", OnnxError::MemoryAddress), ("../w", OnnxError::Outside)]
    {
        assert_eq!(skeleton(&model(&unmarked(location), 0), b"").err(), Some(expected));
    }
}

#[test]
fn a_type_that_the_runtime_does_not_read_is_unsupported() {
    for data_type in [0, 8, 14, 15, 18, 20, 25, 26, 99] {
        let bytes = model(&external(&[1], data_type, &[]), 0);
        let error = skeleton(&bytes, &[0; 16]).unwrap_err();
        assert_eq!(error, OnnxError::UnsupportedTensor { data_type: data_type as i32 });
        let error = OpenError::Onnx { part: path("net.onnx"), source: error };
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
    let segment = [external(&[1], FLOAT, &[]), field(3, &[])].concat();
    let expected = Some(OnnxError::UnsupportedTensor { data_type: 1 });
    assert_eq!(skeleton(&model(&segment, 0), &[0; 4]).err(), expected);
}

/// Protobuf would merge the two tensors into one, with the dimensions of both and the data of the
/// second.
#[test]
fn tensors_that_protobuf_would_merge_are_rejected() {
    let whole = floats(256);
    let halves = |number| [field(number, &whole), field(number, &shape(&[4096], FLOAT))].concat();
    for bytes in [
        model(&[floats(256), field(9, &[0; 1024])].concat(), 0),
        field(7, &field(1, &field(5, &halves(5)))),
        field(7, &field(15, &halves(1))),
        field(7, &field(15, &halves(2))),
        field(7, &field(1, &field(5, &[field(22, b""), field(22, b"")].concat()))),
        model(&[floats(256), number(14, 2)].concat(), 0),
        model(&[floats(256), number(14, 1)].concat(), 0),
    ] {
        assert_eq!(skeleton(&bytes, b"").err(), Some(OnnxError::Malformed));
    }
    let lists = field(7, &field(1, &field(5, &[field(10, &whole), field(10, &whole)].concat())));
    assert_eq!(skeleton(&lists, b"").unwrap().pointers().len(), 2);
    let (last, first) = (number(14, 1), number(14, 0));
    let last_wins = [external(&[1], FLOAT, &[]), first, last].concat();
    assert_eq!(skeleton(&model(&last_wins, 0), &[0; 4]).unwrap().pointers().len(), 1);
}

/// Almost none of this memory is accessed, so hardly any is allocated.
#[test]
fn weights_of_more_than_two_gibibytes_are_replaced_by_pointers() {
    const DATA: u64 = 3 << 30;
    let key_and_length = |number: u64, length: u64| [varint(number << 3 | 2), varint(length)].concat();
    let head = [shape(&[DATA / 2 + 1], 10), key_and_length(9, DATA + 2)].concat();
    let tensor = head.len() as u64 + DATA + 2;
    let graph = key_and_length(5, tensor).len() as u64 + tensor;
    let head = [key_and_length(7, graph), key_and_length(5, tensor), head].concat();
    let tail = number(5, 3);
    let mut large = vec![0; head.len() + DATA as usize + 2 + tail.len()];
    large[..head.len()].copy_from_slice(&head);
    large[head.len() + DATA as usize + 2..].copy_from_slice(&tail);
    let made = skeleton(&large, b"").unwrap();
    let expected = Pointer { companion: None, offset: head.len(), length: DATA as usize + 2 };
    assert_eq!(made.pointers(), [expected]);
    assert!(made.as_ref().len() < 200 && made.as_ref().ends_with(&tail));

    let offset = DATA.to_string();
    let outside = external(&[2], FLOAT, &[("offset", &offset), ("length", "8")]);
    let made = skeleton(&model(&outside, 0), &large).unwrap();
    assert_eq!(made.pointers(), [Pointer { companion: Some(0), offset: DATA as usize, length: 8 }]);
}

#[test]
fn every_truncation_is_rejected() {
    let bytes = [number(1, 9), model(&floats(300), 2)].concat();
    for length in (1..bytes.len()).filter(|&length| length != 2) {
        assert_eq!(skeleton(&bytes[..length], b"").err(), Some(OnnxError::Malformed), "{length} bytes");
    }
}

#[test]
fn deeply_nested_graphs_are_rejected_without_a_stack_overflow() {
    assert_eq!(skeleton(&model(&floats(256), 20_000), b"").err(), Some(OnnxError::Malformed));
}

#[test]
fn a_skeleton_cannot_be_sealed() {
    let made = skeleton(&model(&floats(256), 0), b"").unwrap();
    assert_eq!(references(made.as_ref()), Err(OnnxError::MemoryAddress));
}
