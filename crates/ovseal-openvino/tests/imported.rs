//! Compiled models of opened containers, in the real runtime.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod common;

use std::sync::Arc;

use common::{CONV, MLP, Network, core};
use ovseal::{
    ErrorKind, KeyFile, Model, ModelName, ModelOptions, OpenError, OpenOptions, Opened, SealOptions, Trust,
};
use ovseal_openvino::{Core, NetworkError, Operation, SealedModelError, find_compiled};

/// Seals a directory with these files.
fn sealed(files: &[(&str, &[u8])]) -> (KeyFile, Vec<u8>) {
    let (key, folder) = (KeyFile::generate().unwrap(), tempfile::tempdir().unwrap());
    let (model, container) = (folder.path().join("m"), folder.path().join("m.ovseal"));
    std::fs::create_dir(&model).unwrap();
    files.iter().for_each(|(name, bytes)| std::fs::write(model.join(name), bytes).unwrap());
    let model = Model::find(&model, ModelOptions::default()).unwrap();
    SealOptions::new(ModelName::parse("m").unwrap()).recipient(&key).seal(&model, &container).unwrap();
    (key, std::fs::read(container).unwrap())
}

fn opened(files: &[(&str, &[u8])]) -> Opened {
    let (key, container) = sealed(files);
    OpenOptions::new(Trust::AnySender).open_source(Arc::new(container), &[&key]).unwrap()
}

fn exported(core: &Core, network: Network) -> Vec<u8> {
    network.compile(core).export().unwrap().as_ref().to_vec()
}

#[test]
fn a_sealed_compiled_model_computes_what_its_network_computes() {
    let core = core();
    for network in [CONV, MLP] {
        let opened = opened(&[("m.blob", &exported(&core, network))]);
        let imported = core.import_sealed(&opened, None, "CPU").unwrap();
        drop(opened);
        assert_eq!(network.infer(&imported), network.expected(&core), "{}", network.folder);
    }
}

/// The real device writes the format that the tests for this kind of part assume.
#[test]
fn what_the_device_exports_says_device_and_version() {
    let core = core();
    let opened = opened(&[("exported", &exported(&core, CONV))]);
    let blob = opened.part("exported").unwrap().compiled_blob().unwrap().unwrap();
    assert_eq!(blob.device.as_deref(), Some("CPU"));
    let version = blob.openvino.unwrap();
    assert!(core.runtime().version().starts_with(&version) && version.len() > 5, "{version}");
    assert!(blob.processor.is_some() && blob.time.is_some());
}

#[test]
fn a_network_is_read_and_a_compiled_model_is_imported() {
    let core = core();
    let blob = exported(&core, CONV);
    let both = opened(&[("m.xml", &CONV.topology()), ("m.bin", &CONV.weights()), ("m.blob", &blob)]);
    core.read_sealed(&both, None).unwrap();
    core.import_sealed(&both, None, "CPU").unwrap();
    let error = core.import_sealed(&both, Some("m.xml"), "CPU").err().unwrap();
    assert!(matches!(&error, SealedModelError::NotCompiled { path } if path == "m.xml"), "{error}");
    let error = core.read_sealed(&both, Some("m.blob")).err().unwrap();
    assert!(matches!(&error, SealedModelError::Compiled { path } if path == "m.blob"), "{error}");
    let error = core.read_sealed(&opened(&[("m.blob", &blob)]), None).err().unwrap();
    assert!(matches!(&error, SealedModelError::Compiled { path } if path == "m.blob"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let two = opened(&[("a.blob", &blob), ("b.blob", &blob)]);
    let error = core.import_sealed(&two, None, "CPU").err().unwrap();
    assert!(matches!(&error, SealedModelError::SeveralModels { paths } if paths == &["a.blob", "b.blob"]));
    core.import_sealed(&two, Some("b.blob"), "CPU").unwrap();
}

/// Older versions sealed compiled models as plain files.
#[test]
fn a_plain_file_is_imported_when_it_is_named() {
    let core = core();
    let plain = opened(&[("m.txt", b"text")]);
    assert_eq!(find_compiled(&plain, Some("m.txt")).unwrap().entry().path.as_str(), "m.txt");
    let error = core.import_sealed(&plain, None, "CPU").err().unwrap();
    assert!(matches!(error, SealedModelError::NoCompiledModel), "{error}");
    let error = core.import_sealed(&plain, Some("m.txt"), "CPU").err().unwrap();
    let SealedModelError::Model(NetworkError::Runtime(error)) = error else { panic!("{error}") };
    assert_eq!(error.operation(), Operation::Import);
}

#[test]
fn a_compiled_model_that_is_not_authentic_never_reaches_the_runtime() {
    let core = core();
    let (key, mut container) = sealed(&[("m.blob", &exported(&core, CONV))]);
    let middle = container.len() / 2;
    container[middle] ^= 1;
    let opened = OpenOptions::new(Trust::AnySender).open_source(Arc::new(container), &[&key]).unwrap();
    let error = core.import_sealed(&opened, None, "CPU").err().unwrap();
    assert!(matches!(error, SealedModelError::Open(OpenError::Chunk { .. })), "{error}");
}

#[test]
fn a_compiled_model_outlives_everything_that_it_came_from() {
    let core = core();
    let (expected, opened) = (MLP.expected(&core), opened(&[("m.blob", &exported(&core, MLP))]));
    let imported = core.import_sealed(&opened, None, "CPU").unwrap();
    let mut request = imported.create_request().unwrap();
    drop((opened, imported, core));
    assert_eq!(MLP.infer_with(&mut request), expected);
}
