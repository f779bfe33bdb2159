//! Entries with constants that are not authentic, with the real runtime.

use std::fs;
use std::path::PathBuf;

use ovseal::{
    ChunkSize, DeviceSecret, KeyFile, Model as Sealable, ModelName, ModelOptions, OpenOptions, PartPath,
};
use ovseal::{SealOptions, Trust};
use ovseal_testkit::{eventually, threads_of_this_project};
use tempfile::TempDir;

use super::*;
use crate::locate::Environment;
use crate::runtime::Runtime;

/// A sealed network, a cache, and the network's export.
struct Bench {
    core: Core,
    opened: Opened,
    cache: CompileCache,
    exported: Vec<u8>,
    _folder: TempDir,
}

/// Networks from the test set-up. Their constants include shapes, indices, divisors and strings.
const NETWORKS: [&str; 6] = [
    "conv/model.xml",
    "mlp/model.xml",
    "mask/model.xml",
    "folder/openvino_model.xml",
    "folder/openvino_tokenizer.xml",
    "folder/openvino_detokenizer.xml",
];

const PAGE: usize = 4096;

fn set_up(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")).into()
}

impl Bench {
    fn new(network: &str) -> Self {
        let environment = Environment::default().with("OVSEAL_OPENVINO", set_up("OVSEAL_OPENVINO"));
        let core = Core::new(&Runtime::locate(None, &environment).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (key, container) = (KeyFile::generate().unwrap(), folder.path().join("m.ovseal"));
        let network = set_up("OVSEAL_TEST_MODELS").join(network);
        let model = Sealable::find(&network, ModelOptions::default()).unwrap();
        SealOptions::new(ModelName::parse("m").unwrap()).recipient(&key).seal(&model, &container).unwrap();
        let opened = OpenOptions::new(Trust::AnySender).open(&container, &[&key]).unwrap();
        let secret = DeviceSecret::obtain(&folder.path().join("secret")).unwrap();
        let cache = CompileCache::open(&folder.path().join("cache"), secret).unwrap();
        let model = core.read_model_from_path(&network).unwrap();
        let exported: ExportedModel = core.compile(&model, "CPU", &[]).unwrap().export().unwrap();
        Self { core, opened, cache, exported: exported.as_ref().to_vec(), _folder: folder }
    }

    fn slot(&self) -> CacheSlot {
        self.cache.slot(&self.core, &self.opened, &Compilation::on("CPU")).unwrap()
    }

    /// Stores the export in chunks of 64 KiB, the smallest, and returns the entry's bytes.
    fn keep(&self) -> Vec<u8> {
        let slot = self.slot();
        let part = PartPath::parse(entry::PART).unwrap();
        let model = Sealable::in_memory(part, Arc::new(self.exported.clone()));
        let options = SealOptions::new(ModelName::parse("m").unwrap()).recipient(&slot.key).replace(true);
        options.chunk_size(ChunkSize::from_log2(16).unwrap()).seal(&model, &slot.path()).unwrap();
        fs::read(slot.path()).unwrap()
    }

    fn constants(&self) -> std::ops::Range<usize> {
        cpu_export::constants(&self.exported).unwrap()
    }
}

#[test]
fn constants_are_nearly_all_of_what_the_real_plugin_exports() {
    let bench = Bench::new(NETWORKS[0]);
    let (constants, exported) = (bench.constants(), &bench.exported);
    assert!(constants.len() > exported.len() * 9 / 10, "{constants:?} of {}", exported.len());
    // The constants contain the first floats of the file of weights.
    let weights = fs::read(set_up("OVSEAL_TEST_MODELS").join("conv/model.bin")).unwrap();
    assert!(memchr::memmem::find(&exported[constants], &weights[..64]).is_some());
}

#[test]
fn a_chunk_that_fails_is_a_miss_wherever_it_is_and_does_not_crash_the_runtime() {
    for network in NETWORKS {
        let bench = Bench::new(network);
        let good = bench.keep();
        let payload = 4096 + usize::try_from(u64::from_be_bytes(good[24..32].try_into().unwrap())).unwrap();
        assert!(bench.slot().load(&bench.core, Opening::Auto).is_some(), "{network}: the entry is usable");
        for at in (payload..payload + bench.exported.len()).step_by(1 << 16) {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            fs::write(bench.slot().path(), bytes).unwrap();
            assert!(bench.slot().load(&bench.core, Opening::Auto).is_none(), "{network}: byte {at}");
            assert!(!bench.slot().path().exists(), "{network}: byte {at}: the entry stays");
        }
    }
}

/// A chunk that is not authentic reads as zeros, as does a chunk that is not decrypted yet.
#[test]
fn zeros_in_the_place_of_constants_do_not_crash_an_import() {
    for network in NETWORKS {
        let bench = Bench::new(network);
        let constants = bench.constants();
        for start in constants.clone().step_by(PAGE) {
            for end in [(start + PAGE).min(constants.end), constants.end] {
                let mut bytes = bench.exported.clone();
                bytes[start..end].fill(0);
                // The runtime may accept such an entry, but the model is never returned.
                drop(bench.core.import(Arc::new(bytes), "CPU"));
            }
        }
    }
}

#[test]
fn only_an_overlapped_opening_leaves_constants_to_be_decrypted_later() {
    let bench = Bench::new(NETWORKS[0]);
    bench.keep();
    let slot = bench.slot();
    let file = entry::open(&slot.path()).unwrap();
    for is_overlapped in [true, false] {
        let bytes = entry::read(&file, &slot.key, is_overlapped, None).unwrap();
        assert_eq!(bytes.is_on_demand(), is_overlapped);
        assert_eq!(bytes.verify().unwrap()[..], bench.exported);
    }
}

#[test]
fn an_export_of_another_layout_is_decrypted_before_the_import() {
    let mut bench = Bench::new(NETWORKS[0]);
    bench.exported[0] ^= 1;
    let good = bench.keep();
    let slot = bench.slot();
    let file = entry::open(&slot.path()).unwrap();
    assert_eq!(entry::read(&file, &slot.key, true, None).unwrap().verify().unwrap()[..], bench.exported);
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(slot.path(), bad).unwrap();
    let file = entry::open(&slot.path()).unwrap();
    let refused = entry::read(&file, &slot.key, true, None).err();
    assert!(matches!(refused, Some(OpenError::Chunk { .. })), "{refused:?}");
}

/// Otherwise the whole entry would be decrypted before the import.
#[test]
fn the_topology_of_what_the_real_plugin_exports_is_understood() {
    for network in NETWORKS {
        let bench = Bench::new(network);
        let topology = cpu_export::topology(&bench.exported[bench.constants().end..]).unwrap().unwrap();
        let checked = ovseal::ir::Topology::parse(&topology).unwrap();
        assert_eq!(checked.check_length(bench.constants().len() as u64), Ok(()), "{network}");
    }
}

/// An export by the plugin, changed so that one constant extends past the end of the constants.
#[test]
fn an_entry_whose_topology_names_other_memory_is_never_imported() {
    let mut bench = Bench::new(NETWORKS[0]);
    let (constants, exported) = (bench.constants(), bench.exported.clone());
    let section = &exported[constants.end..];
    let plain = cpu_export::topology(section).unwrap().unwrap();
    let mut topology = plain.to_vec();
    let size = memchr::memmem::find(&topology, b"327680").unwrap();
    topology[size..size + 6].fill(b'9');
    // Each byte is obfuscated by XOR with a different byte.
    let word = section.iter().zip(&plain[..]).map(|(obfuscated, plain)| obfuscated ^ plain);
    topology.iter_mut().zip(word).for_each(|(byte, with)| *byte ^= with);
    bench.exported.splice(constants.end.., topology);
    bench.keep();
    let slot = bench.slot();
    let file = entry::open(&slot.path()).unwrap();
    for is_overlapped in [true, false] {
        let refused = entry::read(&file, &slot.key, is_overlapped, None).err();
        assert!(matches!(refused, Some(OpenError::Ir { .. })), "{refused:?}");
    }
    assert!(slot.load(&bench.core, Opening::Auto).is_none() && !slot.path().exists());
}

#[test]
fn a_model_of_the_cache_can_be_exported_and_leaves_nothing_behind() {
    let bench = Bench::new(NETWORKS[0]);
    bench.keep();
    let files = || fs::read_dir("/proc/self/fd").unwrap().count();
    let load = || bench.slot().load(&bench.core, Opening::Auto).unwrap().model;
    assert!(load().export().unwrap().as_ref().len() > bench.constants().len());
    let before = files();
    for _ in 0..20 {
        drop(load());
    }
    assert_eq!(files(), before);
    eventually("the threads of mappings have ended", || threads_of_this_project() == 0);
}
