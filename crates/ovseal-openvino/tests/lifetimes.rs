//! The weights outlive everything that reads them, in every order of dropping.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute only")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{CONV, MLP, Network, core};
use ovseal_openvino::{CompiledModel, Core, InferRequest};

/// Weights overwritten on drop, so that a late reader computes something else.
struct Owner {
    bytes: Vec<u8>,
    dropped: Arc<AtomicBool>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.bytes.fill(0xA5);
        self.dropped.store(true, Ordering::SeqCst);
    }
}

/// Everything that a caller can hold; `None` for dropped objects.
struct Held {
    core: Option<Core>,
    owner: Option<Arc<Owner>>,
    model: Option<ovseal_openvino::Network>,
    compiled: Option<CompiledModel>,
    request: Option<InferRequest>,
}

impl Held {
    fn open(network: Network, dropped: &Arc<AtomicBool>) -> Self {
        let core = core();
        let owner = Arc::new(Owner { bytes: network.weights(), dropped: Arc::clone(dropped) });
        let model = core.read_model(&network.topology(), Some(Arc::clone(&owner))).unwrap();
        let compiled = core.compile(&model, "CPU", &[]).unwrap();
        let request = compiled.create_request().unwrap();
        Self {
            core: Some(core),
            owner: Some(owner),
            model: Some(model),
            compiled: Some(compiled),
            request: Some(request),
        }
    }

    fn drop_one(&mut self, which: usize) {
        match which {
            0 => self.owner = None,
            1 => self.model = None,
            2 => self.compiled = None,
            3 => self.request = None,
            _ => self.core = None,
        }
    }

    fn anything_that_reads_weights(&self) -> bool {
        self.owner.is_some() || self.model.is_some() || self.compiled.is_some() || self.request.is_some()
    }

    /// Infers with what is left, if that is still possible.
    fn infer_with_survivors(&mut self, network: Network, expected: &[u8]) {
        if let Some(request) = &mut self.request {
            assert_eq!(network.infer_with(request), expected);
        }
        if let Some(compiled) = &self.compiled {
            assert_eq!(network.infer(compiled), expected);
        }
        if let (Some(model), Some(core)) = (&self.model, &self.core) {
            assert_eq!(network.infer(&core.compile(model, "CPU", &[]).unwrap()), expected);
        }
    }
}

#[test]
fn every_order_of_dropping_leaves_survivors_that_compute_the_same() {
    for network in [CONV, MLP] {
        let expected = network.expected(&core());
        for order in permutations(5) {
            let dropped = Arc::new(AtomicBool::new(false));
            let mut held = Held::open(network, &dropped);
            for which in order {
                held.drop_one(which);
                held.infer_with_survivors(network, &expected);
                let lives = held.anything_that_reads_weights();
                assert_eq!(dropped.load(Ordering::SeqCst), !lives, "after dropping {which}");
            }
        }
    }
}

#[test]
fn an_imported_model_keeps_the_bytes_that_it_was_imported_from() {
    for network in [CONV, MLP] {
        let core = core();
        let expected = network.expected(&core);
        let bytes = network.compile(&core).export().unwrap().as_ref().to_vec();
        let dropped = Arc::new(AtomicBool::new(false));
        let owner = Arc::new(Owner { bytes, dropped: Arc::clone(&dropped) });
        let mut request = core.import(owner, "CPU").unwrap().create_request().unwrap();
        assert_eq!(network.infer_with(&mut request), expected);
        assert!(!dropped.load(Ordering::SeqCst));
        drop(request);
        assert!(dropped.load(Ordering::SeqCst));
    }
}

#[test]
fn a_network_outlives_the_core_that_read_it_and_the_one_that_compiled_it() {
    for network in [CONV, MLP] {
        let expected = network.expected(&core());
        for reader_goes_first in [true, false] {
            let (reader, compiler) = (core(), core());
            let model = reader.read_model(&network.topology(), Some(Arc::new(network.weights()))).unwrap();
            let compiled = compiler.compile(&model, "CPU", &[]).unwrap();
            drop(model);
            let cores = if reader_goes_first { [reader, compiler] } else { [compiler, reader] };
            for core in cores {
                drop(core);
                assert_eq!(network.infer(&compiled), expected);
            }
        }
    }
}

#[test]
fn weights_on_pages_that_cannot_be_written_are_enough() {
    let core = core();
    for network in [CONV, MLP] {
        let weights = Arc::new(ReadOnly::map(&network));
        let model = core.read_model(&network.topology(), Some(weights)).unwrap();
        let compiled = core.compile(&model, "CPU", &[]).unwrap();
        assert_eq!(network.infer(&compiled), network.expected(&core));
    }
}

#[test]
fn a_failed_read_releases_the_weights() {
    let dropped = Arc::new(AtomicBool::new(false));
    let owner = Arc::new(Owner { bytes: vec![0; 64], dropped: Arc::clone(&dropped) });
    assert!(core().read_model(b"no topology", Some(owner)).is_err());
    assert!(dropped.load(Ordering::SeqCst));
}

/// The file of weights, mapped read-only: a write ends the process.
struct ReadOnly {
    start: *mut std::ffi::c_void,
    length: usize,
}

// SAFETY: the mapping is read only and belongs to this value.
unsafe impl Send for ReadOnly {}
// SAFETY: as above.
unsafe impl Sync for ReadOnly {}

impl ReadOnly {
    fn map(network: &Network) -> Self {
        let file = std::fs::File::open(network.path().with_extension("bin")).unwrap();
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        let (read, private) = (rustix::mm::ProtFlags::READ, rustix::mm::MapFlags::PRIVATE);
        // SAFETY: a new mapping, at a place that the kernel chooses, overlaps nothing.
        let start = unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, read, private, &file, 0) };
        Self { start: start.unwrap(), length }
    }
}

impl AsRef<[u8]> for ReadOnly {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the mapping has `length` bytes and is never unmapped.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

/// Returns all permutations of the numbers below `count`.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut longer = order.clone();
        longer.insert(at, count - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..count).map(move |at| insert(order, at))).collect()
}
