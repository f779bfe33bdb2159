//! Sealing: rejected inputs, and files that appear whole or not at all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ovseal::{
    Argon2Cost, ErrorKind, KeyFile, Model, ModelError, ModelName, ModelOptions, PartKind, Passphrase,
    PathOnlyFormat, PublicKeyIdentity, PublisherKey, SealError, SealOptions, onnx,
};
use ovseal_testkit::{Fixture, pattern};

fn find(path: &Path) -> Result<Model, ModelError> {
    Model::find(path, ModelOptions::default())
}

fn files_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = directory
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn missing_weights_are_named() {
    let fixture = Fixture::new(&[("net.xml", b"<net/>"), ("net.pdmodel", b"\x0a\x00")]);
    for (topology, weights) in [("net.xml", "net.bin"), ("net.pdmodel", "net.pdiparams")] {
        let error = find(&fixture.model_path().join(topology)).unwrap_err();
        assert!(
            matches!(&error, ModelError::MissingWeights { weights: path, .. } if path.ends_with(weights)),
            "{error}"
        );
    }
    let only = ModelOptions { only: true, ..ModelOptions::default() };
    assert_eq!(Model::find(&fixture.model_path().join("net.xml"), only).unwrap().parts().count(), 1);
}

#[test]
fn other_xml_in_a_directory_is_a_file_and_a_damaged_network_an_error() {
    let files: [(&str, &[u8]); 4] =
        [("net.xml", b"<net/>"), ("net.bin", b""), ("labels.xml", b"<labels/>"), ("labels.bin", b"")];
    let fixture = Fixture::new(&files);
    let kinds = |model: &Model| model.parts().map(|part| part.kind).collect::<Vec<_>>();
    let expected = [PartKind::File, PartKind::File, PartKind::Weights, PartKind::Ir];
    assert_eq!(kinds(&find(&fixture.model_path()).unwrap()), expected);
    fixture.write("net.xml", b"<net>");
    assert!(matches!(find(&fixture.model_path()), Err(ModelError::Ir { .. })));
    let options = ModelOptions { exclude: vec!["net.*".to_owned()], ..ModelOptions::default() };
    assert_eq!(kinds(&Model::find(&fixture.model_path(), options).unwrap()), expected[..2]);
}

#[test]
fn a_file_whose_content_contradicts_its_extension_is_not_a_topology() {
    // The runtime recognizes an ONNX model regardless of its name, and would follow its references.
    let onnx = b"\x08\x07\x3a\x00";
    let fixture = Fixture::new(&[
        ("a.xml", onnx),
        ("a.bin", b""),
        ("b.pdmodel", onnx),
        ("b.pdiparams", b""),
        ("c.onnx", b"<net/>"),
    ]);
    for file in ["a.xml", "b.pdmodel", "c.onnx"] {
        for only in [false, true] {
            let options = ModelOptions { only, ..ModelOptions::default() };
            let error = Model::find(&fixture.model_path().join(file), options).unwrap_err();
            assert!(matches!(error, ModelError::Content { .. }), "{file}: {error}");
        }
    }
    let directory = find(&fixture.model_path()).unwrap();
    assert!(directory.parts().all(|part| part.kind == PartKind::File));
}

/// Returns a compiled model in the frame of OpenVINO's CPU plugin.
fn exported() -> Vec<u8> {
    let text = b"meta=1.0;ov=2026.4.1;isa=AVX2";
    [b"RR_UPCVO\x01\0\0\0", &(text.len() as u64).to_le_bytes()[..], text, &[7; 100]].concat()
}

#[test]
fn compiled_models_are_recognized_by_name_or_content_except_as_weights() {
    // ModelProto.graph.initializer.external_data: the location `w.blob`.
    let network = b"\x3a\x16\x2a\x14\x6a\x12\x0a\x08location\x12\x06w.blob".as_slice();
    let fixture = Fixture::new(&[
        ("a.blob", b"without a frame"),
        ("b", &exported()),
        ("c.onnx", network),
        ("d.txt", b"text"),
        ("w.blob", b"weights"),
    ]);
    let kinds: Vec<_> = fixture.model().parts().map(|part| part.kind).collect();
    let expected =
        [PartKind::Compiled, PartKind::Compiled, PartKind::Onnx, PartKind::File, PartKind::Weights];
    assert_eq!(kinds, expected);
    for (file, kind) in [("a.blob", PartKind::Compiled), ("b", PartKind::Compiled), ("d.txt", PartKind::File)]
    {
        let model = find(&fixture.model_path().join(file)).unwrap();
        assert_eq!(model.parts().map(|part| part.kind).collect::<Vec<_>>(), [kind], "{file}");
    }
}

#[test]
fn a_sealed_compiled_model_records_device_and_time() {
    let fixture = Fixture::new(&[("a.txt", b"text"), ("m.blob", &exported())]);
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let file = std::fs::File::options().append(true).open(fixture.model_path().join("m.blob")).unwrap();
    file.set_times(std::fs::FileTimes::new().set_modified(time)).unwrap();
    fixture.seal(fixture.options());
    let opened = fixture.open().unwrap();
    assert_eq!(opened.part("a.txt").unwrap().compiled_blob().unwrap(), None);
    let blob = opened.part("m.blob").unwrap().compiled_blob().unwrap().unwrap();
    assert_eq!((blob.device.as_deref(), blob.openvino.as_deref()), (Some("CPU"), Some("2026.4.1")));
    assert_eq!((blob.processor.as_deref(), blob.time), (Some("AVX2"), Some(1_700_000_000)));
}

/// A manifest has at most 32 hints, one of which identifies the producer.
#[test]
fn a_directory_with_many_compiled_models_is_sealed() {
    let names: Vec<String> = (0..120).map(|number| format!("{number:03}.blob")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"blob".as_slice())).collect();
    let fixture = Fixture::new(&files);
    fixture.seal(fixture.options());
    let opened = fixture.open().unwrap();
    let times = opened.parts().filter(|part| part.compiled_blob().unwrap().unwrap().time.is_some());
    assert_eq!(times.count(), 31);
}

#[test]
fn an_empty_directory_is_not_a_model() {
    let fixture = Fixture::new(&[]);
    std::fs::create_dir_all(fixture.model_path().join("a/b")).unwrap();
    assert!(matches!(find(&fixture.model_path()), Err(ModelError::Empty { .. })));
}

#[test]
fn symbolic_links_and_pipes_are_rejected() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    symlink("w.bin", fixture.model_path().join("link.bin")).unwrap();
    assert!(matches!(find(&fixture.model_path()), Err(ModelError::Symlink { .. })));
    let follow = ModelOptions { follow_symlinks: true, ..ModelOptions::default() };
    assert_eq!(Model::find(&fixture.model_path(), follow.clone()).unwrap().parts().count(), 2);
    let status =
        std::process::Command::new("mkfifo").arg(fixture.model_path().join("pipe")).status().unwrap();
    assert!(status.success());
    assert!(matches!(Model::find(&fixture.model_path(), follow), Err(ModelError::NotRegular { .. })));
}

#[test]
fn a_cyclic_link_is_an_error() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    symlink(".", fixture.model_path().join("loop")).unwrap();
    let follow = ModelOptions { follow_symlinks: true, ..ModelOptions::default() };
    assert!(Model::find(&fixture.model_path(), follow).is_err());
}

/// Returns an ONNX model whose weights are at this location.
fn reference(location: &str) -> Vec<u8> {
    // ModelProto.graph.initializer.external_data { key: "location", value: … }
    let field = |number: u8, content: Vec<u8>| [vec![number << 3 | 2, content.len() as u8], content].concat();
    let entry = [field(1, b"location".to_vec()), field(2, location.as_bytes().to_vec())].concat();
    field(7, field(5, field(13, entry)))
}

#[test]
fn onnx_data_behind_a_link_or_in_a_left_out_file_is_rejected() {
    let fixture = Fixture::new(&[("data/w.bin", b"weights"), (".env", b"TOKEN=1"), (".git/config", b"x")]);
    symlink("data", fixture.model_path().join("link")).unwrap();
    let everything = ModelOptions { include_everything: true, ..ModelOptions::default() };
    let follow = ModelOptions { follow_symlinks: true, ..ModelOptions::default() };
    for (location, taken_with) in
        [("link/w.bin", follow), (".env", everything.clone()), (".git/config", everything)]
    {
        fixture.write("net.onnx", &reference(location));
        let path = fixture.model_path().join("net.onnx");
        let error = find(&path).unwrap_err();
        match location {
            "link/w.bin" => {
                assert!(matches!(&error, ModelError::Symlink { path } if path.ends_with("link")), "{error:?}")
            }
            _ => assert!(matches!(&error, ModelError::Onnx { .. }), "{error:?}"),
        }
        assert_eq!(Model::find(&path, taken_with).unwrap().parts().count(), 2, "{location}");
    }
}

#[test]
fn onnx_includes_its_external_data_and_nothing_from_outside() {
    let fixture = Fixture::new(&[("data/w.bin", b"weights"), ("net.onnx", &reference("data/w.bin"))]);
    let model = find(&fixture.model_path().join("net.onnx")).unwrap();
    let found: Vec<_> = model.parts().map(|part| part.path.to_string()).collect();
    assert_eq!(found, ["net.onnx", "data/w.bin"]);
    let directory = find(&fixture.model_path()).unwrap();
    assert_eq!(directory.parts().nth(1).unwrap().companions, [0]);
    for (location, expected) in [
        ("*/_ORT_MEM_ADDR_/*", onnx::OnnxError::MemoryAddress),
        ("../w.bin", onnx::OnnxError::Outside),
        ("none", onnx::OnnxError::MissingFile { path: ovseal::PartPath::parse("none").unwrap() }),
    ] {
        fixture.write("net.onnx", &reference(location));
        for path in [fixture.model_path().join("net.onnx"), fixture.model_path()] {
            let error = find(&path).unwrap_err();
            assert!(matches!(&error, ModelError::Onnx { source, .. } if *source == expected), "{error:?}");
        }
    }
}

#[test]
fn sealing_requires_recipients_that_may_be_combined() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let name = || ModelName::parse("m").unwrap();
    let seal = |options: SealOptions<'_>| options.seal(&fixture.model(), &fixture.container());
    assert!(matches!(seal(SealOptions::new(name())), Err(SealError::NoRecipient)));
    let x25519 = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let classical = PublicKeyIdentity::parse(x25519).unwrap().recipient();
    let quantum = PublicKeyIdentity::generate().unwrap().recipient();
    let mixed = || SealOptions::new(name()).recipient(&classical).recipient(&quantum);
    assert!(matches!(seal(mixed()), Err(SealError::MixedRecipients)));
    seal(mixed().allow_mixed(true)).unwrap();
    let passphrase = || Passphrase::from_bytes(b"p").unwrap().with_cost(Argon2Cost::new(64, 1, 1).unwrap());
    let (first, second) = (passphrase(), passphrase());
    let two = SealOptions::new(name()).recipient(&first).recipient(&second).replace(true);
    assert!(matches!(seal(two), Err(SealError::TooManyRecipients)));
}

#[test]
fn thirty_two_recipients_fit_and_a_thirty_third_does_not() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let recipients: Vec<_> = (0..33).map(|_| PublicKeyIdentity::generate().unwrap()).collect();
    let public: Vec<_> = recipients.iter().map(PublicKeyIdentity::recipient).collect();
    let options = |count| {
        let options = SealOptions::new(ModelName::parse("m").unwrap()).replace(true);
        public[..count].iter().fold(options, |options, recipient| options.recipient(recipient))
    };
    options(32).seal(&fixture.model(), &fixture.container()).unwrap();
    let opened =
        ovseal::OpenOptions::new(ovseal::Trust::AnySender).open(&fixture.container(), &[&recipients[31]]);
    opened.unwrap();
    let error = options(33).seal(&fixture.model(), &fixture.container()).unwrap_err();
    assert!(matches!(error, SealError::TooManyRecipients));
}

#[test]
fn containers_beyond_the_limits_of_the_format_are_not_sealed() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let keys: Vec<PublisherKey> = (0..9).map(|_| PublisherKey::generate().unwrap()).collect();
    let nine = keys.iter().fold(fixture.options(), |options, key| options.publisher(key));
    let error = nine.seal(&fixture.model(), &fixture.container()).unwrap_err();
    assert!(matches!(error, SealError::TooManyPublishers));
    let directory = ["a", "b", "c", "d"].map(|letter| letter.repeat(230)).join("/");
    (0..4095).for_each(|number| fixture.write(&format!("{directory}/{number:0>95}"), b""));
    let error = fixture.options().seal(&fixture.model(), &fixture.container()).unwrap_err();
    assert!(matches!(error, SealError::TooLarge), "{error}");
    assert_eq!(files_in(fixture.folder()), ["model"]);
}

#[test]
fn an_existing_file_and_the_model_itself_are_not_overwritten() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    std::fs::write(fixture.container(), "precious").unwrap();
    let error = fixture.options().seal(&fixture.model(), &fixture.container()).unwrap_err();
    assert!(
        matches!(error, SealError::Write(ref source) if source.kind() == std::io::ErrorKind::AlreadyExists)
    );
    assert_eq!(std::fs::read(fixture.container()).unwrap(), b"precious");
    let input = fixture.model_path().join("w.bin");
    let error = fixture.options().replace(true).seal(&fixture.model(), &input).unwrap_err();
    assert!(matches!(error, SealError::OutputIsInput));
    assert_eq!(std::fs::read(input).unwrap(), b"weights");
}

#[test]
fn a_file_that_changes_during_sealing_leaves_no_container() {
    for shrink in [true, false] {
        let fixture = Fixture::new(&[("w.bin", &pattern(40 << 20))]);
        let path = fixture.model_path().join("w.bin");
        // Some kernels count time in ticks of 10 ms. A fast machine starts sealing within a single
        // tick.
        std::fs::File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let done = AtomicU64::new(0);
        let progress = |bytes| {
            if done.fetch_add(bytes, Ordering::Relaxed) == 0 {
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                if shrink {
                    file.set_len(1 << 20).unwrap()
                } else {
                    std::os::unix::fs::FileExt::write_all_at(&file, b"x", 0).unwrap()
                }
            }
            ControlFlow::Continue(())
        };
        let error =
            fixture.options().progress(&progress).seal(&fixture.model(), &fixture.container()).unwrap_err();
        assert!(matches!(error, SealError::Read { .. }), "{error}");
        assert_eq!(files_in(fixture.folder()), ["model"]);
    }
}

#[test]
fn cancelling_leaves_no_file() {
    let fixture = Fixture::new(&[("w.bin", &pattern(4 << 20))]);
    let progress = |_| ControlFlow::Break(());
    let error =
        fixture.options().progress(&progress).seal(&fixture.model(), &fixture.container()).unwrap_err();
    assert!(matches!(error, SealError::Cancelled));
    assert_eq!(files_in(fixture.folder()), ["model"]);
}

#[test]
fn a_directory_that_is_too_deep_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("a/".repeat(66));
    std::fs::create_dir_all(&deep).unwrap();
    let error = Model::find(directory.path(), ModelOptions::default()).unwrap_err();
    let ModelError::TooDeep { path } = &error else { panic!("{error}") };
    assert_eq!((path, error.kind()), (&directory.path().join("a/".repeat(65)), ErrorKind::Usage));
}

#[test]
fn an_output_in_a_missing_directory_is_a_write_error() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let error = fixture.options().seal(&fixture.model(), &fixture.folder().join("none/out")).unwrap_err();
    assert!(matches!(error, SealError::Write(ref source) if source.kind() == std::io::ErrorKind::NotFound));
}

#[test]
fn two_sealings_of_a_model_have_unrelated_ciphertexts() {
    let fixture = Fixture::new(&[("w.bin", &[0; 200_000])]);
    let key = KeyFile::from_bytes(&[1; 32]).unwrap();
    let seal = || {
        let options = SealOptions::new(ModelName::parse("m").unwrap()).recipient(&key);
        std::fs::read(fixture.seal(options)).unwrap()[69_632..].to_vec()
    };
    let (first, second) = (seal(), seal());
    let equal = first[..200_000].iter().zip(&second[..200_000]).filter(|(a, b)| a == b).count();
    assert!(equal < 1200, "{equal} of 200,000 bytes are equal; about 780 are expected by chance");
}

#[test]
fn path_only_formats_are_sealed_only_on_request() {
    let lite = b"\x1c\0\0\0TFL3\0\0";
    let fixture =
        Fixture::new(&[("a.tflite", lite), ("b.bin", lite), ("c.gguf", b"GGUF"), ("d.pb", b"\x0a")]);
    let formats = [
        ("a.tflite", PathOnlyFormat::TensorFlowLite),
        ("b.bin", PathOnlyFormat::TensorFlowLite),
        ("c.gguf", PathOnlyFormat::Gguf),
        ("d.pb", PathOnlyFormat::TensorFlow),
    ];
    for (file, expected) in formats {
        let path = fixture.model_path().join(file);
        let error = find(&path).unwrap_err();
        assert!(matches!(error, ModelError::PathOnly { format, .. } if format == expected), "{error}");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let only = Model::find(&path, ModelOptions { only: true, ..ModelOptions::default() }).unwrap();
        assert!(only.parts().all(|part| part.kind == PartKind::File));
    }
    assert_eq!(find(&fixture.model_path()).unwrap().parts().count(), 4);
}

#[test]
fn an_ir_in_memory_is_sealed_like_its_files() {
    let fixture = Fixture::new(&[]);
    let (topology, weights) = (Arc::new(b"<net/>".to_vec()), Arc::new(pattern(100_000)));
    let model = Model::ir_in_memory("net", topology.clone(), weights.clone()).unwrap();
    assert_eq!(model.default_name(), Some(ModelName::parse("net").unwrap()));
    fixture.options().seal(&model, &fixture.container()).unwrap();
    let opened = fixture.open().unwrap();
    let part = opened.part("net.xml").unwrap();
    assert_eq!((part.entry().kind, &part.read().unwrap()[..]), (PartKind::Ir, &topology[..]));
    let companion = part.companions().next().unwrap();
    assert_eq!(companion.read().unwrap()[..], weights[..]);
    let no_topology = Model::ir_in_memory("net", weights.clone(), weights).unwrap_err();
    assert!(matches!(no_topology, ModelError::Content { .. }));
}
