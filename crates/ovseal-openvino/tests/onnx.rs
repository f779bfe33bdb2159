//! ONNX models read with pointers into memory compute the same results as from files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod common;

use std::ffi::c_void;
use std::fs;
use std::path::Path;

use common::protobuf::{field, key_and_length, number};
use common::{core, runtime, set_up};
use ovseal::onnx::{OnnxError, Skeleton};
use ovseal::{
    ErrorKind, KeyFile, Model, ModelName, ModelOptions, OpenError, OpenOptions, Opened, PartPath,
    SealOptions, Trust,
};
use ovseal_openvino::{CompiledModel, Core, Decrypted, ElementType, Opening, SealedModelError, Tensor};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};

/// Seals a model, changes the container with `damage`, and opens it.
fn opened_after(model: &Path, damage: impl FnOnce(&mut Vec<u8>)) -> Opened {
    let key = KeyFile::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let container = folder.path().join("m.ovseal");
    let model = Model::find(model, ModelOptions::default()).unwrap();
    let options = SealOptions::new(ModelName::parse("m").unwrap()).recipient(&key);
    options.seal(&model, &container).unwrap();
    let mut bytes = fs::read(&container).unwrap();
    damage(&mut bytes);
    fs::write(&container, bytes).unwrap();
    OpenOptions::new(Trust::AnySender).open(&container, &[&key]).unwrap()
}

fn opened(model: &Path) -> Opened {
    opened_after(model, |_| ())
}

fn compile(core: &Core, opened: &Opened, opening: Opening) -> Result<CompiledModel, SealedModelError> {
    let decrypted = Decrypted::read(opened, None, "CPU", opening)?;
    core.read_decrypted(decrypted)?.compile(core, "CPU", &[])
}

/// Computes the output for an input of numbers between 0 and 1.
fn infer(compiled: &CompiledModel) -> Vec<u8> {
    let shape = compiled.inputs()[0].shape.extents().unwrap();
    let mut tensor = Tensor::new(&runtime(), ElementType::F32, &shape).unwrap();
    for (index, number) in tensor.bytes_mut().chunks_exact_mut(4).enumerate() {
        number.copy_from_slice(&((index % 97) as f32 / 97.0).to_ne_bytes());
    }
    let mut request = compiled.create_request().unwrap();
    request.set_input(0, tensor).unwrap();
    request.infer().unwrap();
    request.output(0).unwrap().bytes().to_vec()
}

fn expected(core: &Core, model: &Path) -> Vec<u8> {
    let model = core.read_model_from_path(model).unwrap();
    infer(&core.compile(&model, "CPU", &[]).unwrap())
}

#[test]
fn weights_in_every_place_and_type_compute_what_the_files_compute() {
    let core = core();
    for name in [
        "onnx",
        "onnx-external",
        "onnx-conv",
        "onnx-conv-files",
        "onnx-branches",
        "onnx-branches-files",
        "onnx-types",
        "onnx-types-files",
    ] {
        let model = set_up("OVSEAL_TEST_MODELS").join(name).join("model.onnx");
        let compiled = compile(&core, &opened(&model), Opening::Eager).unwrap();
        assert_eq!(infer(&compiled), expected(&core, &model), "{name}");
    }
}

#[test]
fn every_weight_of_a_network_is_pointed_at() {
    let model = set_up("OVSEAL_TEST_MODELS").join("onnx-types/model.onnx");
    let bytes = fs::read(&model).unwrap();
    let skeleton = Skeleton::new(&PartPath::parse("model.onnx").unwrap(), &bytes, &[]).unwrap();
    assert_eq!(skeleton.pointers().len(), 17);
    let data: usize = skeleton.pointers().iter().map(|pointer| pointer.length).sum();
    assert!(skeleton.as_ref().len() < bytes.len() - data + 17 * 100);
}

/// Returns a network's fields other than its initializers: y = x · w.
fn product(inputs: usize, outputs: usize) -> Vec<u8> {
    let names = [field(1, b"x"), field(1, b"w"), field(2, b"y"), field(4, b"MatMul")];
    let value = |name: &[u8], width| {
        let dimensions = [field(1, &number(1, 1)), field(1, &number(1, width))].concat();
        let tensor = [number(1, 1), field(2, &dimensions)].concat();
        [field(1, name), field(2, &field(1, &tensor))].concat()
    };
    [
        field(1, &names.concat()),
        field(2, b"network"),
        field(11, &value(b"x", inputs)),
        field(12, &value(b"y", outputs)),
    ]
    .concat()
}

fn network(graph: &[u8]) -> Vec<u8> {
    [number(1, 9), field(8, &[field(1, b""), number(2, 17)].concat()), field(7, graph)].concat()
}

/// Writes a network with weights of several chunks, inside it or in files next to it.
fn write_large(folder: &Path, files: usize) {
    let weight = |index: usize| ((index * 7919 % 1000) as f32 / 1000.0 - 0.5).to_le_bytes();
    let data: Vec<u8> = (0..1024 * 1024).flat_map(weight).collect();
    let head = [number(1, 1024), number(1, 1024), number(2, 1), field(8, b"w")].concat();
    let located = if files == 0 {
        field(9, &data)
    } else {
        fs::write(folder.join("w"), &data).unwrap();
        let entry = field(13, &[field(1, b"location"), field(2, b"w")].concat());
        [number(14, 1), entry].concat()
    };
    let initializer = field(5, &[head, located].concat());
    let model = network(&[initializer, product(1024, 1024)].concat());
    fs::write(folder.join("model.onnx"), model).unwrap();
}

#[test]
fn weights_are_decrypted_while_the_runtime_reads_the_model() {
    let core = core();
    for files in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        write_large(folder.path(), files);
        let model = folder.path().join("model.onnx");
        let opened = opened(&model);
        let decrypted = Decrypted::read(&opened, None, "CPU", Opening::Overlapped).unwrap();
        let userfaultfd = ovseal_memory::protections().userfaultfd;
        assert_eq!(
            decrypted.is_overlapped(),
            userfaultfd.user_mode || userfaultfd.kernel_mode,
            "{files} files"
        );
        let sealed = core.read_decrypted(decrypted).unwrap();
        let compiled = sealed.compile(&core, "CPU", &[]).unwrap();
        drop(opened);
        for _ in 0..2 {
            assert_eq!(infer(&compiled), expected(&core, &model));
            compiled.release_weights();
        }
    }
}

/// Returns the offset of a container's first part, after prologue and stanzas.
const PAYLOAD: usize = 4096 + 65_536;

#[test]
fn a_changed_chunk_of_structure_or_weights_gives_no_model() {
    let core = core();
    let folder = tempfile::tempdir().unwrap();
    write_large(folder.path(), 0);
    let length = fs::metadata(folder.path().join("model.onnx")).unwrap().len() as usize;
    for offset in [0, 1 << 21, length - 1] {
        for opening in [Opening::Eager, Opening::Overlapped] {
            let opened =
                opened_after(&folder.path().join("model.onnx"), |bytes| bytes[PAYLOAD + offset] ^= 1);
            let error = compile(&core, &opened, opening).err().unwrap();
            let SealedModelError::Open(OpenError::Chunk { part, .. }) = &error else { panic!("{error}") };
            assert_eq!((part.as_str(), error.kind()), ("model.onnx", ErrorKind::NotAuthentic), "{offset}");
        }
    }
}

#[test]
fn external_data_that_the_runtime_would_read_beyond_is_refused() {
    let tensor = |data_type, length: &[u8]| {
        let entry = |key: &[u8], value: &[u8]| field(13, &[field(1, key), field(2, value)].concat());
        let located = [number(14, 1), entry(b"location", b"w"), entry(b"length", length)].concat();
        [number(1, 1000), number(1, 1000), number(2, data_type), field(8, b"w"), located].concat()
    };
    for (data_type, length, expected, kind) in [
        (1, &b"64"[..], OnnxError::WrongLength, ErrorKind::NotAuthentic),
        (1, b"0", OnnxError::WrongLength, ErrorKind::NotAuthentic),
        (15, b"64", OnnxError::UnsupportedTensor { data_type: 15 }, ErrorKind::Unsupported),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let graph = [field(5, &tensor(data_type, length)), product(1000, 1000)].concat();
        fs::write(folder.path().join("model.onnx"), network(&graph)).unwrap();
        fs::write(folder.path().join("w"), [0; 64]).unwrap();
        let error = core().read_sealed(&opened(&folder.path().join("model.onnx")), None).unwrap_err();
        let SealedModelError::Open(OpenError::Onnx { source, .. }) = &error else { panic!("{error}") };
        assert_eq!((source, error.kind()), (&expected, kind));
    }
}

#[test]
fn locations_that_name_the_same_file_in_other_words_compute_what_the_files_compute() {
    let core = core();
    let weights: Vec<u8> = (0..64).flat_map(|number| (number as f32).to_le_bytes()).collect();
    for location in ["d/e/w", "./d/e/w", "././d/e/w", "d//e/w", "d/./e/w", "d/e/../e/w", "d/../d/e/w"] {
        let folder = tempfile::tempdir().unwrap();
        let entry = |key: &[u8], value: &[u8]| field(13, &[field(1, key), field(2, value)].concat());
        let located =
            [number(14, 1), entry(b"location", location.as_bytes()), entry(b"length", b"256")].concat();
        let tensor = [number(1, 8), number(1, 8), number(2, 1), field(8, b"w"), located].concat();
        let model = folder.path().join("model.onnx");
        fs::create_dir_all(folder.path().join("d/e")).unwrap();
        fs::write(folder.path().join("d/e/w"), &weights).unwrap();
        fs::write(&model, network(&[field(5, &tensor), product(8, 8)].concat())).unwrap();
        for sealed in [&*model, folder.path()] {
            let compiled = compile(&core, &opened(sealed), Opening::Eager).unwrap();
            assert_eq!(infer(&compiled), expected(&core, &model), "{location}");
        }
    }
}

/// Memory whose first and last pages can be read. A read of another page ends the process.
struct Guarded {
    start: *mut c_void,
    length: usize,
}

impl Guarded {
    fn new(head: &[u8], between: usize, tail: &[u8]) -> Self {
        let length = head.len() + between + PAGE;
        let (read, private) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping, at a place that the kernel chooses, overlaps nothing.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), length, read, private) }.unwrap();
        // SAFETY: the mapping has `length` bytes, which are zero, and nothing else refers to it.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start.cast::<u8>(), length) };
        bytes[..head.len()].copy_from_slice(head);
        bytes[head.len() + between..][..tail.len()].copy_from_slice(tail);
        let middle = start.wrapping_byte_add(head.len());
        // SAFETY: these pages belong to the mapping, and no reference to it is used any more.
        unsafe { mprotect(middle, between, MprotectFlags::empty()) }.unwrap();
        Self { start, length: head.len() + between + tail.len() }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is never unmapped, and this test reads only its ends.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

const PAGE: usize = 4096;

#[test]
fn no_byte_of_the_weights_is_read_to_make_a_skeleton() {
    const DATA: usize = 64 << 20;
    let tail = product(4096, 4096);
    let tensor =
        [number(1, 4096), number(1, 4096), number(2, 1), field(8, b"w"), key_and_length(9, DATA)].concat();
    let initializer = [key_and_length(5, tensor.len() + DATA), tensor].concat();
    let graph = [key_and_length(7, initializer.len() + DATA + tail.len()), initializer].concat();
    let opset = [number(1, 9), field(8, &number(2, 17))].concat();
    // A comment fills the first page. Its key takes one byte, its length two.
    let comment = vec![b' '; PAGE - opset.len() - graph.len() - 3];
    let head = [opset, field(6, &comment), graph].concat();
    assert_eq!(head.len(), PAGE);

    let memory = Guarded::new(&head, DATA, &tail);
    let path = PartPath::parse("model.onnx").unwrap();
    let skeleton = Skeleton::new(&path, memory.bytes(), &[]).unwrap();
    let [pointer] = skeleton.pointers() else { panic!("{skeleton:?}") };
    assert_eq!((pointer.offset, pointer.length), (PAGE, DATA));
    let companion = PartPath::parse("w").unwrap();
    Skeleton::new(&path, &network(&product(1, 1)), &[(&companion, memory.bytes())]).unwrap();
}
