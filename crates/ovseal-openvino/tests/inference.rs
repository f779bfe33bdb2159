//! Networks from memory compute the same results as from files.

mod common;

use std::sync::Arc;

use common::{CONV, MLP, core, runtime};
use ovseal_openvino::{Dimension, ElementType, NetworkError, PartialShape, Tensor, TensorError};

#[test]
fn a_network_from_memory_computes_the_same_bits_as_from_its_files() {
    let core = core();
    for network in [CONV, MLP] {
        assert_eq!(network.infer(&network.compile(&core)), network.expected(&core), "{}", network.folder);
    }
}

#[test]
fn the_runtime_has_a_version_and_a_cpu() {
    assert!(runtime().version().starts_with("20"), "{}", runtime().version());
    assert!(core().available_devices().unwrap().contains(&"CPU".to_owned()));
}

#[test]
fn ports_have_names_shapes_and_types() {
    let core = core();
    let model = core.read_model(&MLP.topology(), Some(Arc::new(MLP.weights()))).unwrap();
    let inputs = model.inputs().unwrap();
    assert_eq!(inputs.len(), 1);
    assert_eq!(inputs[0].name, "ids");
    assert_eq!(inputs[0].element_type, ElementType::I64);
    assert_eq!(inputs[0].shape, PartialShape::Ranked(vec![Dimension::Fixed(1), Dimension::ANY]));
    assert_eq!(inputs[0].shape.to_string(), "[1,?]");
    assert_eq!(inputs[0].shape.extents(), None);
    assert_eq!(core.compile(&model, "CPU", &[]).unwrap().inputs(), inputs);
}

#[test]
fn a_port_without_a_name_is_called_by_its_number() {
    let topology = String::from_utf8(CONV.topology()).unwrap().replace("names=\"x\"", "");
    let core = core();
    let model = core.read_model(topology.as_bytes(), Some(Arc::new(CONV.weights()))).unwrap();
    assert_eq!(model.inputs().unwrap()[0].name, "input_0");
    let mut request = core.compile(&model, "CPU", &[]).unwrap().create_request().unwrap();
    request.set_input("input_0", CONV.tensor()).unwrap();
    request.infer().unwrap();
    assert_eq!(request.output(0).unwrap().bytes(), CONV.expected(&core));
}

#[test]
fn reshaping_changes_one_dimension_and_the_output_with_it() {
    let core = core();
    let mut model = core.read_model(&MLP.topology(), Some(Arc::new(MLP.weights()))).unwrap();
    model.reshape(&[("ids", PartialShape::fixed(&[1, 7]))]).unwrap();
    assert_eq!(model.inputs().unwrap()[0].shape.extents(), Some(vec![1, 7]));
    let outputs = model.outputs().unwrap();
    assert_eq!(outputs[0].shape.extents().unwrap()[..2], [1, 7]);
    let compiled = core.compile(&model, "CPU", &[]).unwrap();
    assert_eq!(MLP.infer(&compiled), MLP.expected(&core));
}

#[test]
fn limits_of_a_dimension_survive_a_round_trip() {
    let core = core();
    let mut model = core.read_model(&MLP.topology(), Some(Arc::new(MLP.weights()))).unwrap();
    let limited = Dimension::Dynamic { minimum: 2, maximum: Some(9) };
    let shape = PartialShape::Ranked(vec![Dimension::Fixed(1), limited]);
    model.reshape(&[("ids", shape.clone())]).unwrap();
    assert_eq!(model.inputs().unwrap()[0].shape, shape);
}

#[test]
fn several_requests_infer_at_the_same_time() {
    let core = core();
    let expected = CONV.expected(&core);
    let compiled = CONV.compile(&core);
    let threads: Vec<_> = (0..4).map(|_| compiled.create_request().unwrap()).collect();
    let threads = threads.into_iter().map(|mut request| {
        std::thread::spawn(move || (0..10).map(|_| CONV.infer_with(&mut request)).collect::<Vec<_>>())
    });
    for thread in threads.collect::<Vec<_>>() {
        assert!(thread.join().unwrap().iter().all(|output| *output == expected));
    }
}

#[test]
fn a_new_tensor_is_zero_and_has_the_size_of_its_type() {
    let tensor = Tensor::new(&runtime(), ElementType::U4, &[3]).unwrap();
    assert_eq!(tensor.bytes(), [0, 0]);
    let empty = Tensor::new(&runtime(), ElementType::F32, &[2, 0]).unwrap();
    assert_eq!((empty.bytes().len(), empty.shape()), (0, &[2, 0][..]));
    let scalar = Tensor::new(&runtime(), ElementType::I64, &[]).unwrap();
    assert_eq!(scalar.bytes().len(), 8);
}

#[test]
fn a_tensor_of_strings_or_of_impossible_size_is_refused() {
    let new = |element_type, shape: &[usize]| Tensor::new(&runtime(), element_type, shape).err();
    assert!(matches!(new(ElementType::String, &[1]), Some(TensorError::Unsupported(ElementType::String))));
    assert!(matches!(new(ElementType::F32, &[usize::MAX, 2]), Some(TensorError::TooLarge)));
    assert!(matches!(new(ElementType::U8, &[1 << 55]), Some(TensorError::Runtime(_))));
}

#[test]
fn an_input_of_another_shape_type_or_name_is_refused() {
    let core = core();
    let mut request = CONV.compile(&core).create_request().unwrap();
    let wrong = Tensor::new(&runtime(), ElementType::F32, &[1, 3, 8, 8]).unwrap();
    assert!(matches!(request.set_input("x", wrong), Err(TensorError::Runtime(_))));
    assert!(matches!(request.set_input("x", MLP.tensor()), Err(TensorError::Runtime(_))));
    assert!(matches!(
        request.set_input("no", CONV.tensor()),
        Err(TensorError::UnknownInput { name }) if name == "no"
    ));
    assert!(matches!(
        request.set_input(1, CONV.tensor()),
        Err(TensorError::UnknownInput { name }) if name == "1"
    ));
    assert!(matches!(request.set_input("x\0", CONV.tensor()), Err(TensorError::ZeroByte)));
}

#[test]
fn there_is_no_output_before_an_inference() {
    let request = CONV.compile(&core()).create_request().unwrap();
    assert!(matches!(request.output(0), Err(TensorError::NotInferred)));
}

/// A network that passes a scalar through, and a tensor of any shape.
const SCALAR_AND_UNRANKED: &str = r#"<net name="n" version="11"><layers>
    <layer id="0" name="s" type="Parameter" version="opset1"><data shape="" element_type="f32"/>
        <output><port id="0" precision="FP32" names="s"/></output></layer>
    <layer id="1" name="u" type="Parameter" version="opset1"><data shape="..." element_type="f32"/>
        <output><port id="0" precision="FP32" names="u"><rank value="-1"/></port></output></layer>
    <layer id="2" name="a" type="ReLU" version="opset1"><input><port id="0" precision="FP32"/></input>
        <output><port id="1" precision="FP32"/></output></layer>
    <layer id="3" name="b" type="ReLU" version="opset1"><input><port id="0" precision="FP32"/></input>
        <output><port id="1" precision="FP32"/></output></layer>
    <layer id="4" name="y" type="Result" version="opset1"><input><port id="0" precision="FP32"/></input></layer>
    <layer id="5" name="z" type="Result" version="opset1"><input><port id="0" precision="FP32"/></input></layer>
    </layers><edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="2" from-port="1" to-layer="4" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="3" to-port="0"/><edge from-layer="3" from-port="1" to-layer="5" to-port="0"/>
    </edges></net>"#;

#[test]
fn scalars_and_shapes_without_a_rank_are_described_and_computed() {
    let core = core();
    let mut model = core.read_model::<Vec<u8>>(SCALAR_AND_UNRANKED.as_bytes(), None).unwrap();
    let shapes: Vec<PartialShape> = model.inputs().unwrap().into_iter().map(|port| port.shape).collect();
    assert_eq!(shapes, [PartialShape::fixed(&[]), PartialShape::Unranked]);
    for shape in [PartialShape::Unranked, PartialShape::fixed(&[])] {
        let refused = model.reshape(&[("u", shape)]).err();
        assert!(matches!(refused, Some(NetworkError::NoAxes { name }) if name == "u"));
    }
    model.reshape(&[("u", PartialShape::fixed(&[2, 3]))]).unwrap();

    let mut request = core.compile(&model, "CPU", &[]).unwrap().create_request().unwrap();
    let mut scalar = Tensor::new(&runtime(), ElementType::F32, &[]).unwrap();
    scalar.bytes_mut().copy_from_slice(&2.5_f32.to_ne_bytes());
    request.set_input("s", scalar).unwrap();
    request.set_input("u", Tensor::new(&runtime(), ElementType::F32, &[2, 3]).unwrap()).unwrap();
    request.infer().unwrap();
    assert!(request.output(0).unwrap().shape().is_empty());
    assert_eq!(request.output(0).unwrap().bytes(), 2.5_f32.to_ne_bytes());
    assert_eq!(request.output(1).unwrap().shape(), [2, 3]);
}

#[test]
fn threads_share_a_core_and_a_compiled_model() {
    let core = core();
    let expected = CONV.expected(&core);
    let compiled = CONV.compile(&core);
    std::thread::scope(|scope| {
        let work = || {
            for _ in 0..4 {
                assert_eq!(CONV.infer(&CONV.compile(&core)), expected);
                assert_eq!(CONV.infer(&compiled), expected);
            }
        };
        (0..4).for_each(|_| drop(scope.spawn(work)));
    });
}
