//! Every failure of the runtime becomes an error that reveals nothing about the model.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{CONV, core};
use ovseal::ErrorKind;
use ovseal_openvino::{Core, Network, NetworkError, Operation, PartialShape};

fn read(core: &Core, topology: &[u8], weights: Vec<u8>) -> Result<Network, NetworkError> {
    core.read_model(topology, Some(Arc::new(weights)))
}

fn refused_operation(result: Result<impl Sized, NetworkError>) -> Option<Operation> {
    match result.err() {
        Some(NetworkError::Runtime(error)) => Some(error.operation()),
        _ => None,
    }
}

#[test]
fn an_unknown_device_is_refused() {
    let core = core();
    let model = core.read_model_from_path(&CONV.path()).unwrap();
    assert_eq!(refused_operation(core.compile(&model, "TOASTER", &[])), Some(Operation::Compile));
    let zero = core.compile(&model, "CPU\0", &[]).err();
    assert!(matches!(zero, Some(NetworkError::ZeroByte { what: "device" })));
}

#[test]
fn an_unknown_property_is_refused() {
    let core = core();
    let model = core.read_model_from_path(&CONV.path()).unwrap();
    let compiled = core.compile(&model, "CPU", &[("NO_SUCH_PROPERTY", "1")]);
    assert_eq!(refused_operation(compiled), Some(Operation::Compile));
    core.compile(&model, "CPU", &[("PERFORMANCE_HINT", "LATENCY")]).unwrap();
}

#[test]
fn garbage_and_nothing_are_no_topology() {
    let core = core();
    assert!(matches!(read(&core, b"", Vec::new()), Err(NetworkError::Empty { what: "topology" })));
    for garbage in [&b"<net"[..], b"\0\0\0\0", b"<?xml version=\"1.0\"?><net></net>", &[0xFF; 4096]] {
        assert_eq!(refused_operation(read(&core, garbage, vec![0; 64])), Some(Operation::ReadModel));
    }
}

#[test]
fn weights_that_are_too_short_are_refused() {
    let core = core();
    let whole = CONV.weights();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        let read = read(&core, &CONV.topology(), whole[..length].to_vec());
        assert_eq!(refused_operation(read), Some(Operation::ReadModel), "{length} bytes");
    }
    let without = core.read_model::<Vec<u8>>(&CONV.topology(), None);
    assert_eq!(refused_operation(without), Some(Operation::ReadModel));
}

#[test]
fn offsets_outside_the_weights_are_refused() {
    let core = core();
    let topology = String::from_utf8(CONV.topology()).unwrap();
    for offset in
        ["offset=\"99999999\"", "offset=\"18446744073709551615\"", "offset=\"18446744073709551600\""]
    {
        let moved = topology.replacen("offset=\"0\"", offset, 1);
        assert_ne!(moved, topology, "the topology has a constant at offset 0");
        let read = read(&core, moved.as_bytes(), CONV.weights());
        assert_eq!(refused_operation(read), Some(Operation::ReadModel), "{offset}");
    }
}

#[test]
fn a_topology_that_names_addresses_is_refused() {
    let topology = b"\x08\x07:\x20location*/_ORT_MEM_ADDR_/*offset";
    assert!(matches!(read(&core(), topology, Vec::new()), Err(NetworkError::PointsAtMemory)));
}

#[test]
fn a_missing_file_is_refused() {
    let core = core();
    let missing = core.read_model_from_path(Path::new("/no/such/model.xml"));
    assert_eq!(refused_operation(missing), Some(Operation::ReadModel));
    let zero = core.read_model_from_path(Path::new("model\0.xml")).err();
    assert!(matches!(zero, Some(NetworkError::ZeroByte { what: "path" })));
}

#[test]
fn an_impossible_shape_or_an_unknown_input_is_not_reshaped() {
    let core = core();
    let mut model = core.read_model_from_path(&CONV.path()).unwrap();
    let five = model.reshape(&[("x", PartialShape::fixed(&[1, 5, 32, 32]))]);
    assert_eq!(refused_operation(five), Some(Operation::Reshape));
    let unknown = model.reshape(&[("no", PartialShape::Unranked)]).err();
    assert!(matches!(&unknown, Some(NetworkError::UnknownInput { name, .. }) if name == "no"));
    assert_eq!(unknown.unwrap().kind(), ErrorKind::Usage);
    assert_eq!(model.inputs().unwrap()[0].shape, PartialShape::fixed(&[1, 3, 32, 32]));
}

#[test]
fn an_error_shows_the_topology_only_when_asked_for_detail() {
    let topology =
        String::from_utf8(CONV.topology()).unwrap().replacen("type=\"Convolution\"", "type=\"Geheim\"", 1);
    let error = read(&core(), topology.as_bytes(), CONV.weights()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "OpenVINO could not read the model: it needs an operation that is not supported"
    );
    assert!(!format!("{error:?}").contains("Geheim"));
    let NetworkError::Runtime(error) = error else { panic!("{error}") };
    assert!(error.detail().unwrap().contains("Geheim"));
}
