//! Models of opened containers, in the real runtime.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod common;

use std::path::PathBuf;

use common::{CONV, MLP, Network, core, set_up};
use ovseal::ir::IrFault;
use ovseal::paddle::PaddleError;
use ovseal::{
    ErrorKind, KeyFile, Model, ModelName, ModelOptions, OpenError, OpenOptions, Opened, SealOptions, Trust,
    onnx,
};
use ovseal_openvino::{Decrypted, Opening, SealedModelError};

/// Seals a file or directory of the test set-up, and opens it.
fn opened(model: &str) -> Opened {
    let key = KeyFile::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let container = folder.path().join("m.ovseal");
    let model = Model::find(&set_up("OVSEAL_TEST_MODELS").join(model), ModelOptions::default()).unwrap();
    let options = SealOptions::new(ModelName::parse("m").unwrap()).recipient(&key);
    options.seal(&model, &container).unwrap();
    OpenOptions::new(Trust::AnySender).open(&container, &[&key]).unwrap()
}

/// Opens a vector of the format with its key file.
fn vector(name: &str) -> Opened {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/vectors"));
    let record = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let digits = record.split("\"keyfile\": \"").nth(1).unwrap().split('"').next().unwrap();
    let key = KeyFile::from_bytes(&base16ct::mixed::decode_vec(digits).unwrap()).unwrap();
    OpenOptions::new(Trust::AnySender).open(&folder.join(format!("{name}.ovseal")), &[&key]).unwrap()
}

#[test]
fn a_sealed_ir_computes_what_its_files_compute() {
    let core = core();
    for network in [CONV, MLP] {
        let model = core.read_sealed(&opened(&format!("{}/model.xml", network.folder)), None).unwrap();
        let compiled = core.compile(&model, "CPU", &[]).unwrap();
        drop(model);
        assert_eq!(network.infer(&compiled), network.expected(&core), "{}", network.folder);
    }
}

#[test]
fn inline_onnx_and_paddle_are_read_from_memory() {
    let core = core();
    for (file, inputs) in [("onnx/model.onnx", 1), ("paddle/model.pdmodel", 1)] {
        let model = core.read_sealed(&opened(file), None).unwrap();
        assert_eq!(core.compile(&model, "CPU", &[]).unwrap().inputs().len(), inputs, "{file}");
    }
}

/// If this fails, a runtime can read these formats from memory, and they can be sealed as they are.
#[test]
fn what_is_refused_at_sealing_is_what_the_runtime_reads_from_a_path_only() {
    let core = core();
    for file in ["tflite/model.tflite", "tensorflow/model.pb"] {
        let file = set_up("OVSEAL_TEST_MODELS").join(file);
        let refused = Model::find(&file, ModelOptions::default()).unwrap_err();
        assert!(matches!(refused, ovseal::ModelError::PathOnly { .. }), "{refused}");
        core.read_model_from_path(&file).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let weights = [None, Some(std::sync::Arc::new(bytes.clone()))];
        assert!(weights.into_iter().all(|weights| core.read_model(&bytes, weights).is_err()));
    }
}

#[test]
fn the_network_of_a_folder_is_chosen_by_its_path() {
    let (core, folder) = (core(), opened("folder"));
    let error = core.read_sealed(&folder, None).unwrap_err();
    assert!(matches!(&error, SealedModelError::SeveralModels { paths } if paths.len() == 3), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
    core.read_sealed(&folder, Some("openvino_model.xml")).unwrap();
    let error = core.read_sealed(&folder, Some("config.json")).unwrap_err();
    assert!(matches!(error, SealedModelError::NotAModel { .. }));
    let error = core.read_sealed(&folder, Some("none.xml")).unwrap_err();
    assert!(matches!(error, SealedModelError::Open(ovseal::OpenError::NoSuchPart(_))));
}

#[test]
fn a_container_without_network_has_no_model() {
    let error = core().read_sealed(&opened("conv/model.bin"), None).unwrap_err();
    assert!(matches!(error, SealedModelError::NoModel) && error.kind() == ErrorKind::Unsupported);
}

#[test]
fn onnx_that_refers_to_anything_outside_itself_never_reaches_the_runtime() {
    let core = core();
    for name in ["onnx-memory-address", "onnx-parent", "onnx-no-companion", "onnx-cut-key"] {
        let error = core.read_sealed(&vector(name), None).unwrap_err();
        let SealedModelError::Open(ovseal::OpenError::Onnx { source, .. }) = &error else {
            panic!("{error}")
        };
        let expected = matches!(
            (name, source),
            ("onnx-memory-address", onnx::OnnxError::MemoryAddress)
                | ("onnx-parent", onnx::OnnxError::Outside)
                | ("onnx-no-companion", onnx::OnnxError::MissingFile { .. })
                | ("onnx-cut-key", onnx::OnnxError::Malformed)
        );
        assert!(expected && error.kind() == ErrorKind::NotAuthentic, "{name}: {error}");
    }
}

#[test]
fn a_topology_that_is_not_what_it_is_called_never_reaches_the_runtime() {
    let core = core();
    let names =
        ["ir-without-weights", "onnx-called-ir", "onnx-called-paddle", "ir-called-onnx", "ir-called-paddle"];
    for name in names {
        let error = core.read_sealed(&vector(name), None).unwrap_err();
        assert!(matches!(error, SealedModelError::NotAModel { .. }), "{name}: {error}");
    }
}

#[test]
fn an_ir_that_would_read_other_memory_never_reaches_the_runtime() {
    let core = core();
    for (name, expected) in [
        ("ir-shape-wraps", IrFault::Overflow),
        ("ir-short-constant", IrFault::TooShort { needed: 16, size: 4 }),
        ("ir-behind-weights", IrFault::OutsideWeights { end: 24, length: 16 }),
        ("ir-negative-offset", IrFault::Attribute("offset")),
        ("ir-body", IrFault::Overflow),
        ("ir-value", IrFault::NotUnderstood("a constant with a value in the topology")),
        ("ir-body-in-constant", IrFault::NotUnderstood("a body in this layer")),
        ("ir-strings", IrFault::Strings),
    ] {
        for opening in [Opening::Eager, Opening::Overlapped] {
            let error = Decrypted::read(&vector(name), None, "CPU", opening).err().unwrap();
            let SealedModelError::Open(OpenError::Ir { part, source }) = error else { panic!("{error}") };
            assert_eq!(
                (part.as_str(), source.line, source.fault),
                ("model.xml", 3, expected.clone()),
                "{name}"
            );
        }
        assert!(core.read_sealed(&vector(name), None).is_err(), "{name}");
    }
}

#[test]
fn parameters_of_paddlepaddle_that_are_cut_never_reach_the_runtime() {
    let error = Decrypted::read(&vector("paddle-cut-parameters"), None, "CPU", Opening::Auto).err().unwrap();
    let SealedModelError::Open(OpenError::Paddle { part, source }) = &error else { panic!("{error}") };
    assert_eq!((part.as_str(), *source), ("model.pdiparams", PaddleError::Malformed { number: 1 }));
    assert_eq!(error.kind(), ErrorKind::NotAuthentic);
}

#[test]
fn a_container_and_its_keys_may_go_before_the_model_does() {
    let core = core();
    let container = opened("conv/model.xml");
    let decrypted = Decrypted::read(&container, None, "CPU", Opening::Eager).unwrap();
    drop(container);
    let model = core.read_decrypted(decrypted).unwrap().finish().unwrap();
    let compiled = core.compile(&model, "CPU", &[]).unwrap();
    drop(model);
    let network: Network = CONV;
    assert_eq!(network.infer(&compiled), network.expected(&core));
}
