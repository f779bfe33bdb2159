//! Compiled models of opened containers, kept sealed, with the real runtime.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod common;

use std::collections::HashSet;
use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{CONV, MLP, Network, core, set_up};
use ovseal::{
    DeviceSecret, KeyFile, Model, ModelName, ModelOptions, OpenOptions, Opened, PublisherKey, RekeyOptions,
    SealOptions, Trust,
};
use ovseal_openvino::{
    CacheError, CacheFolder, Compilation, CompileCache, CompiledModel, Core, Loaded, Loader, NetworkError,
    Observer, Opening, PartialShape, SealedModelError, Step,
};
use tempfile::TempDir;

/// A sealed network, a cache and a device's secret, in a temporary directory.
struct Bench {
    folder: TempDir,
    key: KeyFile,
    core: Core,
    network: Network,
    /// The output of the plaintext.
    expected: Vec<u8>,
}

impl Bench {
    fn new(network: Network) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let core = core();
        let expected = network.expected(&core);
        let bench = Self { folder, key: KeyFile::generate().unwrap(), core, network, expected };
        bench.seal();
        bench
    }

    fn seal(&self) {
        let model = set_up("OVSEAL_TEST_MODELS").join(self.network.folder).join("model.xml");
        let model = Model::find(&model, ModelOptions::default()).unwrap();
        let options = SealOptions::new(ModelName::parse("m").unwrap()).recipient(&self.key).replace(true);
        options.seal(&model, &self.path("m.ovseal")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self) -> Opened {
        OpenOptions::new(Trust::AnySender).open(&self.path("m.ovseal"), &[&self.key]).unwrap()
    }

    fn open_within(&self, budget: u64) -> Opened {
        let options = OpenOptions::new(Trust::AnySender).memory_budget(budget);
        options.open(&self.path("m.ovseal"), &[&self.key]).unwrap()
    }

    fn cache(&self) -> CompileCache {
        CompileCache::open(&self.path("cache"), DeviceSecret::obtain(&self.path("secret")).unwrap()).unwrap()
    }

    /// Compiles the plaintext with the same settings, which affect results on some processors.
    fn plain(&self, compilation: &Compilation) -> CompiledModel {
        let mut model = self.core.read_model_from_path(&self.network.path()).unwrap();
        for (name, shape) in &compilation.shapes {
            model.reshape(&[(name.as_str(), shape.clone())]).unwrap();
        }
        let properties = compilation.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.core.compile(&model, &compilation.device, &properties.collect::<Vec<_>>()).unwrap()
    }

    /// Loads and stores a model, and returns it with the effect of the cache.
    fn load(
        &self,
        cache: &CompileCache,
        opened: &Opened,
        compilation: &Compilation,
    ) -> (CompiledModel, Outcome) {
        self.load_with(cache, opened, compilation, Opening::Auto)
    }

    /// Loads as [`load`](Self::load) does, with this opening.
    fn load_with(
        &self,
        cache: &CompileCache,
        opened: &Opened,
        compilation: &Compilation,
        opening: Opening,
    ) -> (CompiledModel, Outcome) {
        let (core, compilation, observer) = (&self.core, compilation.clone(), Watch::default());
        let mut loader = Loader { core, compilation, opening, cache: Some(cache), observer };
        let loaded = loader.load(opened).unwrap();
        let Watch { has_compiled, failure } = loader.observer;
        assert_eq!(has_compiled, !loaded.is_cached);
        let outcome = match failure {
            _ if loaded.is_cached => Outcome::Hit,
            Some(error) => Outcome::NotStored(error),
            None => loaded.store().map_or_else(Outcome::NotStored, |()| Outcome::Stored),
        };
        (loaded.model, outcome)
    }

    fn try_load(&self, compilation: Compilation) -> Result<Loaded, SealedModelError> {
        let (core, opening, cache) = (&self.core, Opening::Auto, self.cache());
        Loader { core, compilation, opening, cache: Some(&cache), observer: () }.load(&self.open())
    }

    fn compile(&self) -> (CompiledModel, Outcome) {
        self.load(&self.cache(), &self.open(), &plain())
    }

    fn is_hit(&self) -> bool {
        let (model, outcome) = self.compile();
        assert_eq!(self.network.infer(&model), self.expected);
        match outcome {
            Outcome::Hit => true,
            Outcome::Stored => false,
            Outcome::NotStored(error) => panic!("{error}"),
        }
    }

    fn entries(&self) -> Vec<PathBuf> {
        let entries = CacheFolder::existing(&self.path("cache")).unwrap().entries().unwrap();
        entries.iter().map(|entry| self.path("cache").join(&entry.name)).collect()
    }

    /// Returns the only entry.
    fn entry(&self) -> PathBuf {
        let mut entries = self.entries();
        assert_eq!(entries.len(), 1);
        entries.remove(0)
    }
}

/// The effect of a cache on a load.
#[derive(Debug)]
enum Outcome {
    Hit,
    Stored,
    NotStored(CacheError),
}

#[derive(Default)]
struct Watch {
    has_compiled: bool,
    failure: Option<CacheError>,
}

impl Observer for Watch {
    type Error = SealedModelError;

    fn error(&self, error: SealedModelError) -> SealedModelError {
        error
    }

    fn cache_unavailable(&mut self, error: CacheError) {
        self.failure = Some(error);
    }

    fn finished(&mut self, step: Step, _took: Duration) {
        self.has_compiled |= step == Step::Compile;
    }
}

fn plain() -> Compilation {
    Compilation::on("CPU")
}

fn with(name: &str, value: &str) -> Compilation {
    Compilation { properties: vec![(name.to_owned(), value.to_owned())], ..plain() }
}

fn set_used(path: &Path, seconds_ago: u64) {
    let used = SystemTime::now() - Duration::from_secs(seconds_ago);
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(used)).unwrap();
}

#[test]
fn a_kept_model_computes_the_same_bit_for_bit() {
    for network in [CONV, MLP] {
        let bench = Bench::new(network);
        assert!(!bench.is_hit());
        assert!(bench.is_hit());
    }
}

#[test]
fn a_kept_model_computes_the_same_with_every_opening() {
    let bench = Bench::new(MLP);
    bench.compile();
    for opening in [Opening::Auto, Opening::Eager, Opening::Overlapped] {
        let (model, outcome) = bench.load_with(&bench.cache(), &bench.open(), &plain(), opening);
        assert!(matches!(outcome, Outcome::Hit), "{opening:?}");
        assert_eq!(MLP.infer(&model), bench.expected, "{opening:?}");
    }
}

#[test]
fn a_kept_model_computes_the_same_within_a_small_memory_budget() {
    for network in [CONV, MLP] {
        let bench = Bench::new(network);
        for outcome in [Outcome::Stored, Outcome::Hit, Outcome::Hit] {
            let (compiled, found) = bench.load(&bench.cache(), &bench.open_within(1 << 18), &plain());
            assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&outcome));
            assert_eq!(network.infer(&compiled), bench.expected);
        }
    }
}

#[test]
fn a_model_from_the_cache_needs_neither_payload_nor_cache() {
    let bench = Bench::new(CONV);
    bench.compile();
    let opened = bench.open();
    // The payload is overwritten, which has no effect because it is not read.
    let container = File::options().write(true).open(bench.path("m.ovseal")).unwrap();
    let (payload, length) = (4096 + 65_536, 8192);
    std::os::unix::fs::FileExt::write_all_at(&container, &vec![0; length], payload).unwrap();
    let (model, outcome) = bench.load(&bench.cache(), &opened, &plain());
    assert!(matches!(outcome, Outcome::Hit));
    std::fs::remove_dir_all(bench.path("cache")).unwrap();
    drop(opened);
    assert_eq!(CONV.infer(&model), bench.expected);
}

#[test]
fn whatever_is_done_to_an_entry_it_is_made_anew() {
    let bench = Bench::new(CONV);
    bench.compile();
    let (path, good) = (bench.entry(), std::fs::read(bench.entry()).unwrap());
    let last = good.len() - 1;
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut damaged = vec![flipped(40), flipped(4130), flipped(good.len() / 2), flipped(last)];
    damaged.extend([0, 4096, last].map(|length| good[..length].to_vec()));
    damaged.push([&good[..], &[0]].concat());
    damaged.push(b"not a container at all".to_vec());
    for (number, bytes) in damaged.iter().enumerate() {
        std::fs::write(&path, bytes).unwrap();
        assert!(!bench.is_hit(), "case {number}");
    }
    assert!(bench.is_hit());
}

#[test]
fn flipped_bytes_all_over_an_entry_are_found_and_the_entry_goes() {
    let bench = Bench::new(CONV);
    bench.compile();
    let (path, good) = (bench.entry(), std::fs::read(bench.entry()).unwrap());
    let (cache, opened) = (bench.cache(), bench.open());
    let slot = cache.slot(&bench.core, &opened, &plain()).unwrap();
    for at in (0..good.len()).step_by(good.len() / 200) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x80;
        std::fs::write(&path, bytes).unwrap();
        assert!(slot.load(&bench.core, Opening::Auto).is_none(), "byte {at}");
        assert!(!path.exists(), "byte {at}: the entry stays");
    }
}

#[test]
fn links_pipes_and_directories_are_not_read() {
    let bench = Bench::new(CONV);
    bench.compile();
    let path = bench.entry();
    let moved = bench.path("moved");
    std::fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    assert!(!bench.is_hit(), "a link was followed");
    assert!(path.symlink_metadata().unwrap().is_file() && bench.is_hit());
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(!bench.is_hit());
    assert!(bench.is_hit());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let (model, outcome) = bench.compile();
    assert!(matches!(outcome, Outcome::NotStored(CacheError::Seal(_))));
    assert_eq!(CONV.infer(&model), bench.expected);
}

#[test]
fn an_entry_in_the_place_of_another_is_not_used() {
    let (bench, other) = (Bench::new(CONV), Bench::new(CONV));
    bench.compile();
    other.compile();
    std::fs::copy(other.entry(), bench.entry()).unwrap();
    assert!(!bench.is_hit());
    assert!(bench.is_hit());
}

#[test]
fn another_secret_of_the_device_finds_nothing() {
    let bench = Bench::new(CONV);
    bench.compile();
    let first = bench.entry();
    std::fs::remove_file(bench.path("secret")).unwrap();
    assert!(!bench.is_hit());
    let second = bench.entries().into_iter().find(|path| *path != first).unwrap();
    // Protection does not depend on the name: even renamed, the old entry does not open.
    std::fs::copy(&first, &second).unwrap();
    assert!(!bench.is_hit());
}

#[test]
fn a_rekeyed_container_hits_and_a_new_sealing_misses() {
    let bench = Bench::new(CONV);
    bench.compile();
    let second = KeyFile::generate().unwrap();
    let rekey = RekeyOptions::new().add_recipient(&second);
    rekey.rekey(&bench.path("m.ovseal"), &[&bench.key]).unwrap();
    assert!(bench.is_hit());
    bench.seal();
    assert!(!bench.is_hit());
    assert_eq!(bench.entries().len(), 2);
}

#[test]
fn whoever_names_the_publisher_does_not_get_what_was_kept_without() {
    let bench = Bench::new(CONV);
    let publisher = PublisherKey::generate().unwrap();
    let model = Model::find(&CONV.path(), ModelOptions::default()).unwrap();
    let options =
        SealOptions::new(ModelName::parse("m").unwrap()).recipient(&bench.key).publisher(&publisher);
    options.replace(true).seal(&model, &bench.path("m.ovseal")).unwrap();
    bench.compile();
    let trust = Trust::Publishers(vec![publisher.publisher().clone()]);
    let opened = OpenOptions::new(trust).open(&bench.path("m.ovseal"), &[&bench.key]).unwrap();
    let compile = || bench.load(&bench.cache(), &opened, &plain()).1;
    assert!(matches!(compile(), Outcome::Stored));
    assert!(matches!(compile(), Outcome::Hit));
}

#[test]
fn other_settings_are_another_entry() {
    let bench = Bench::new(MLP);
    let (cache, opened) = (bench.cache(), bench.open());
    let shapes = vec![("ids".to_owned(), PartialShape::fixed(&[1, 7]))];
    let ways = [
        plain(),
        with("NUM_STREAMS", "2"),
        with("INFERENCE_NUM_THREADS", "1"),
        Compilation { shapes, ..plain() },
    ];
    for round in 0..2 {
        for (number, way) in ways.iter().enumerate() {
            let (model, outcome) = bench.load(&cache, &opened, way);
            assert_eq!(matches!(outcome, Outcome::Hit), round == 1, "{number}: {outcome:?}");
            let plain = bench.plain(way);
            assert_eq!(MLP.infer(&model), MLP.infer(&plain), "{number}, round {round}");
            for (name, _) in &way.properties {
                // On a machine with one processor, two streams become one.
                let [found, expected] = [&model, &plain].map(|model| model.property(name).unwrap());
                assert_eq!(found, expected, "{number}, round {round}");
            }
            assert_eq!(model.inputs()[0].shape.extents().is_some(), !way.shapes.is_empty(), "{number}");
        }
    }
    assert_eq!(bench.entries().len(), ways.len());
    // The specified part is the only one, so the model is the same.
    let named = Compilation { part: Some("model.xml".to_owned()), ..plain() };
    assert!(matches!(bench.load(&cache, &opened, &named).1, Outcome::Hit));
}

#[test]
fn importing_with_properties_leaves_the_callers_core_alone() {
    let bench = Bench::new(CONV);
    let (cache, opened) = (bench.cache(), bench.open());
    let model = bench.core.read_sealed(&opened, None).unwrap();
    let streams = || bench.core.compile(&model, "CPU", &[]).unwrap().property("NUM_STREAMS").unwrap();
    // The default depends on the machine.
    let before = streams();
    let way = with("NUM_STREAMS", if before == "2" { "1" } else { "2" });
    bench.load(&cache, &opened, &way);
    assert!(matches!(bench.load(&cache, &opened, &way).1, Outcome::Hit));
    assert_eq!(streams(), before);
}

#[test]
fn a_cache_does_not_permit_properties_that_set_a_cache_directory() {
    let bench = Bench::new(CONV);
    let rejected = bench.try_load(with("CACHE_DIR", "x")).err();
    assert!(matches!(rejected, Some(SealedModelError::Model(NetworkError::WritesModel { .. }))));
}

#[test]
fn the_least_recently_used_model_makes_room() {
    let bench = Bench::new(CONV);
    let opened = bench.open();
    let way = |number: usize| with("NUM_STREAMS", ["1", "2", "3"][number]);
    bench.load(&bench.cache(), &opened, &way(0));
    let first = bench.entry();
    let length = first.metadata().unwrap().len();
    // Two entries fit into this limit. The estimate for a new entry is slightly higher than its
    // size.
    let cache = || bench.cache().limit(length * 2 + (200 << 10));
    bench.load(&cache(), &opened, &way(1));
    let second = bench.entries().into_iter().find(|path| *path != first).unwrap();
    set_used(&first, 100);
    set_used(&second, 50);
    // The time of last use counts, not the time of writing.
    assert!(matches!(bench.load(&cache(), &opened, &way(0)).1, Outcome::Hit));
    assert!(matches!(bench.load(&cache(), &opened, &way(2)).1, Outcome::Stored));
    let left = bench.entries();
    assert!(left.len() == 2 && left.contains(&first) && !left.contains(&second), "{left:?}");
    let total: u64 = left.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(total <= length * 2 + (200 << 10));
}

#[test]
fn a_model_larger_than_the_limit_is_not_stored_and_evicts_nothing() {
    let bench = Bench::new(CONV);
    bench.compile();
    let opened = bench.open();
    let way = with("NUM_STREAMS", "2");
    let (model, outcome) = bench.load(&bench.cache().limit(4096), &opened, &way);
    assert!(matches!(outcome, Outcome::NotStored(CacheError::TooLarge { limit: 4096, .. })));
    assert_eq!(CONV.infer(&model), CONV.infer(&bench.plain(&way)));
    assert!(bench.is_hit());
}

#[test]
fn a_model_loads_without_a_writable_cache() {
    let bench = Bench::new(CONV);
    let cache = bench.cache();
    std::fs::remove_dir(bench.path("cache")).unwrap();
    let (model, outcome) = bench.load(&cache, &bench.open(), &plain());
    assert!(matches!(outcome, Outcome::NotStored(CacheError::Seal(_))));
    assert_eq!(CONV.infer(&model), bench.expected);
    std::fs::write(bench.path("file"), "").unwrap();
    let secret = DeviceSecret::obtain(&bench.path("secret")).unwrap();
    assert!(matches!(CompileCache::open(&bench.path("file"), secret), Err(CacheError::Folder { .. })));
}

#[test]
fn a_device_that_cannot_export_is_reported_and_a_missing_part_is_an_error() {
    let bench = Bench::new(CONV);
    let opened = bench.open();
    let way = Compilation::on("AUTO:CPU");
    let (model, outcome) = bench.load(&bench.cache(), &opened, &way);
    assert!(matches!(outcome, Outcome::NotStored(CacheError::Export(_))), "{outcome:?}");
    assert_eq!(CONV.infer(&model), CONV.infer(&bench.plain(&way)));
    let missing = Compilation { part: Some("none.xml".to_owned()), ..plain() };
    let error = bench.try_load(missing).err();
    assert!(matches!(error, Some(SealedModelError::Open(ovseal::OpenError::NoSuchPart(_)))), "{error:?}");
}

#[test]
fn an_entry_shows_nothing_of_the_model() {
    let bench = Bench::new(CONV);
    bench.compile();
    let entry = std::fs::read(bench.entry()).unwrap();
    let (topology, weights) = (CONV.topology(), CONV.weights());
    let pieces = topology.chunks_exact(32).chain(weights.chunks_exact(32));
    let pieces: HashSet<&[u8]> = pieces.filter(|piece| piece.iter().any(|&byte| byte != piece[0])).collect();
    assert!(pieces.len() > 1000);
    assert!(!entry.windows(32).any(|window| pieces.contains(window)));
    // This shows that the search works: it finds these bytes in a plaintext export.
    let exported = CONV.compile(&bench.core).export().unwrap();
    assert!(exported.as_ref().windows(32).any(|window| pieces.contains(window)));
    let inspection = ovseal::Inspection::of(&bench.entry()).unwrap();
    assert_eq!(inspection.stanzas[0].stanza_type.as_str(), "compile-cache");
    assert_eq!(inspection.part_lengths.len(), 1);
}
