//! Sealed networks whose weights are decrypted while the runtime reads them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod common;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use common::flipped::{
    Flipped, Sealed, compile, every_bad_chunk_is_an_error, every_bad_chunk_is_an_error_within_a_budget,
};
use common::{CONV, MLP, core, set_up};
use ovseal::{DeviceSecret, OpenError};
use ovseal_openvino::{Compilation, CompileCache, Decrypted, Loader, Opening, SealedModelError};
use ovseal_testkit::{eventually, threads_of_this_project};

#[test]
fn every_opening_computes_the_same_before_and_after_pages_are_released() {
    let core = core();
    for network in [CONV, MLP] {
        let sealed = Sealed::new(&network.path());
        for opening in [Opening::Auto, Opening::Eager, Opening::Overlapped] {
            let compiled = compile(&core, &sealed.opened(), opening).unwrap();
            let expected = network.expected(&core);
            for _ in 0..3 {
                assert_eq!(network.infer(&compiled), expected, "{} {opening:?}", network.folder);
                compiled.release_weights();
            }
        }
    }
}

#[test]
fn a_bad_chunk_gives_no_model_and_is_named_and_zeros_in_its_place_do_not_crash_the_runtime() {
    let core = core();
    for network in ["conv", "mlp", "mask", "folder/openvino_model", "folder/openvino_tokenizer"] {
        let models = set_up("OVSEAL_TEST_MODELS");
        let path = [format!("{network}.xml"), format!("{network}/model.xml")].map(|path| models.join(path));
        let sealed = Sealed::new(path.iter().find(|path| path.exists()).unwrap());
        for (index, at) in sealed.chunks().into_iter().enumerate() {
            let source = Flipped { bytes: sealed.bytes.clone(), at, good_reads: AtomicU64::new(0) };
            let error = compile(&core, &sealed.open(Arc::new(source)), Opening::Overlapped).err().unwrap();
            let SealedModelError::Open(OpenError::Chunk { index: found, .. }) = error else {
                panic!("{network} {index}: {error}")
            };
            assert_eq!(found, index as u64, "{network}");
        }
    }
}

#[test]
fn a_small_memory_budget_computes_the_same() {
    let core = core();
    for network in [CONV, MLP] {
        let sealed = Sealed::new(&network.path());
        let opened = sealed.open_within(Arc::new(sealed.bytes.clone()), 1 << 16);
        let compiled = compile(&core, &opened, Opening::Overlapped).unwrap();
        assert_eq!(network.infer(&compiled), network.expected(&core), "{}", network.folder);
        let exported = Arc::new(compiled.export().unwrap());
        let imported = core.import(exported, "CPU").unwrap();
        assert_eq!(network.infer(&imported), network.expected(&core), "{}", network.folder);
    }
}

#[test]
fn a_bad_chunk_is_named_within_a_small_memory_budget() {
    for network in [CONV, MLP] {
        every_bad_chunk_is_an_error_within_a_budget(&core(), &Sealed::new(&network.path()));
    }
}

/// Dropped before it failed, the divisor would read as zero.
#[test]
fn a_divisor_is_authentic_within_a_small_memory_budget() {
    let mut weights = vec![0; 3 << 16];
    for (at, number) in [(0, 7_i32), (2 << 16, 4)] {
        weights[at..at + 16].copy_from_slice(&number.to_le_bytes().repeat(4));
    }
    every_bad_chunk_is_an_error_within_a_budget(&core(), &sealed(REMAINDER, &weights, 3));
}

#[test]
fn finish_waits_for_the_last_chunk() {
    let core = core();
    let sealed = Sealed::new(&MLP.path());
    let at = *sealed.chunks().last().unwrap();
    let source = Flipped { bytes: sealed.bytes.clone(), at, good_reads: AtomicU64::new(0) };
    let decrypted = Decrypted::read(&sealed.open(Arc::new(source)), None, "CPU", Opening::Overlapped);
    let outcome = decrypted.and_then(|decrypted| core.read_decrypted(decrypted)?.finish());
    assert!(matches!(outcome.err(), Some(SealedModelError::Open(OpenError::Chunk { .. }))));
}

#[test]
fn an_export_brings_released_pages_in() {
    let core = core();
    for network in [CONV, MLP] {
        let compiled = compile(&core, &Sealed::new(&network.path()).opened(), Opening::Overlapped).unwrap();
        compiled.release_weights();
        let exported = Arc::new(compiled.export().unwrap());
        let imported = core.import(exported, "CPU").unwrap();
        assert_eq!(network.infer(&imported), network.expected(&core), "{}", network.folder);
    }
}

/// A network that adds the remainder of two constants, which the runtime folds, to its input.
const REMAINDER: &str = r#"<?xml version="1.0"?><net name="remainder" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="4" element_type="i32" />
<output><port id="0" precision="I32" names="x"><dim>4</dim></port></output></layer>
<layer id="1" name="a" type="Const" version="opset1"><data element_type="i32" shape="4" offset="0" size="16" />
<output><port id="0" precision="I32"><dim>4</dim></port></output></layer>
<layer id="2" name="b" type="Const" version="opset1"><data element_type="i32" shape="4" offset="131072" size="16" />
<output><port id="0" precision="I32"><dim>4</dim></port></output></layer>
<layer id="3" name="mod" type="Mod" version="opset1"><data auto_broadcast="numpy" />
<input><port id="0" precision="I32"><dim>4</dim></port><port id="1" precision="I32"><dim>4</dim></port></input>
<output><port id="2" precision="I32"><dim>4</dim></port></output></layer>
<layer id="4" name="add" type="Add" version="opset1"><data auto_broadcast="numpy" />
<input><port id="0" precision="I32"><dim>4</dim></port><port id="1" precision="I32"><dim>4</dim></port></input>
<output><port id="2" precision="I32" names="y"><dim>4</dim></port></output></layer>
<layer id="5" name="y" type="Result" version="opset1"><input><port id="0" precision="I32"><dim>4</dim></port></input></layer>
</layers><edges>
<edge from-layer="0" from-port="0" to-layer="4" to-port="0" /><edge from-layer="1" from-port="0" to-layer="3" to-port="0" />
<edge from-layer="2" from-port="0" to-layer="3" to-port="1" /><edge from-layer="3" from-port="2" to-layer="4" to-port="1" />
<edge from-layer="4" from-port="2" to-layer="5" to-port="0" /></edges></net>"#;

/// A network that unpacks constant strings in an operation that the runtime folds.
const STRINGS: &str = r#"<?xml version="1.0"?>
<net name="strings" version="11"><layers>
<layer id="0" name="s" type="Const" version="opset1"><data element_type="string" shape="30000" offset="0" size="210008" />
<output><port id="0" precision="STRING"><dim>30000</dim></port></output></layer>
<layer id="1" name="unpack" type="StringTensorUnpack" version="opset15">
<input><port id="0" precision="STRING"><dim>30000</dim></port></input>
<output><port id="1" precision="I32" names="begins"><dim>30000</dim></port>
<port id="2" precision="I32" names="ends"><dim>30000</dim></port><port id="3" precision="U8" names="bytes"><dim>-1</dim></port></output></layer>
<layer id="2" name="b" type="Result" version="opset1"><input><port id="0" precision="I32"><dim>30000</dim></port></input></layer>
<layer id="3" name="e" type="Result" version="opset1"><input><port id="0" precision="I32"><dim>30000</dim></port></input></layer>
<layer id="4" name="c" type="Result" version="opset1"><input><port id="0" precision="U8"><dim>-1</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0" />
<edge from-layer="1" from-port="1" to-layer="2" to-port="0" /><edge from-layer="1" from-port="2" to-layer="3" to-port="0" />
<edge from-layer="1" from-port="3" to-layer="4" to-port="0" /></edges></net>"#;

/// A chunk that is not authentic reads as zeros. Division by zero would end the process with a
/// signal.
#[test]
fn a_divisor_is_authentic_before_the_runtime_divides_by_it() {
    let mut weights = vec![0; 3 << 16];
    for (at, number) in [(0, 7_i32), (2 << 16, 4)] {
        weights[at..at + 16].copy_from_slice(&number.to_le_bytes().repeat(4));
    }
    every_bad_chunk_is_an_error(&core(), &sealed(REMAINDER, &weights, 3));
}

/// If the number of strings were zero, the runtime would read beyond its memory.
#[test]
fn strings_are_authentic_before_the_runtime_takes_them_apart() {
    const COUNT: u32 = 30_000;
    let numbers = std::iter::once(COUNT).chain((0..=COUNT).map(|string| 3 * string));
    let mut weights: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
    weights.extend(b"abc".repeat(COUNT as usize));
    every_bad_chunk_is_an_error(&core(), &sealed(STRINGS, &weights, 4));
}

fn sealed(topology: &str, weights: &[u8], chunks: usize) -> Sealed {
    let sealed = Sealed::of(topology, weights);
    assert_eq!((sealed.chunks().len(), sealed.compiles(&core())), (chunks, true));
    sealed
}

/// A chunk is damaged on the second read, so decrypting it again would end the process.
#[test]
fn kept_weights_are_exported_without_being_decrypted_again() {
    let core = core();
    let sealed = Sealed::new(&CONV.path());
    let at = *sealed.chunks().last().unwrap();
    let source = Flipped { bytes: sealed.bytes.clone(), at, good_reads: AtomicU64::new(1) };
    let compiled = compile(&core, &sealed.open(Arc::new(source)), Opening::Overlapped).unwrap();
    compiled.keep_weights();
    assert_eq!(CONV.infer(&compiled), CONV.expected(&core));
    let exported = Arc::new(compiled.export().unwrap());
    assert_eq!(CONV.infer(&core.import(exported, "CPU").unwrap()), CONV.expected(&core));
}

/// As above, the chunk can be decrypted only once, and an export reads all weights.
#[test]
fn storing_keeps_the_weights_until_the_first_inference() {
    let core = core();
    let sealed = Sealed::new(&CONV.path());
    let at = *sealed.chunks().last().unwrap();
    let source = Flipped { bytes: sealed.bytes.clone(), at, good_reads: AtomicU64::new(1) };
    let directory = tempfile::tempdir().unwrap();
    let secret = DeviceSecret::obtain(&directory.path().join("secret")).unwrap();
    let cache = CompileCache::open(&directory.path().join("cache"), secret).unwrap();
    let (compilation, opening) = (Compilation::on("CPU"), Opening::Overlapped);
    let mut loader = Loader { core: &core, compilation, opening, cache: Some(&cache), observer: () };
    let loaded = loader.load(&sealed.open(Arc::new(source))).unwrap();
    loaded.store().unwrap();
    drop(loaded.model.export().unwrap());
    assert_eq!(CONV.infer(&loaded.model), CONV.expected(&core));
}

#[test]
fn a_dropped_model_leaves_no_files_or_threads_behind() {
    let core = core();
    let sealed = Sealed::new(&CONV.path());
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    drop(compile(&core, &sealed.opened(), Opening::Overlapped));
    let before = files();
    for _ in 0..20 {
        let decrypted = Decrypted::read(&sealed.opened(), None, "CPU", Opening::Overlapped).unwrap();
        drop(core.read_decrypted(decrypted).unwrap());
    }
    assert_eq!(files(), before);
    eventually("the threads of mappings have ended", || threads_of_this_project() == 0);
}

#[test]
fn auto_is_overlapped_for_the_cpu_only() {
    assert!(Opening::Auto.is_overlapped("CPU") && Opening::Overlapped.is_overlapped("CPU"));
    assert!(!Opening::Auto.is_overlapped("GPU") && !Opening::Eager.is_overlapped("CPU"));
}
