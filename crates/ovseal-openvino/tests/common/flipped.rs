//! Sealed networks with a chunk that fails.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ovseal::{
    ChunkSize, KeyFile, Model, ModelName, ModelOptions, OpenError, OpenOptions, Opened, ReadAt, SealOptions,
    Trust,
};
use ovseal_openvino::{Compilation, CompiledModel, Core, Opening, SealedModelError};

/// A sealed network of the test set-up, in chunks of 64 KiB.
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    key: KeyFile,
}

/// A container with one byte changed in every read after the first `good_reads`.
pub(crate) struct Flipped {
    pub(crate) bytes: Vec<u8>,
    pub(crate) at: u64,
    /// The number of reads that return the original byte.
    pub(crate) good_reads: AtomicU64,
}

impl ReadAt for Flipped {
    fn length(&self) -> std::io::Result<u64> {
        self.bytes.length()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.bytes.read_exact_at(buffer, offset)?;
        let hit = self.at.checked_sub(offset).and_then(|at| buffer.get_mut(usize::try_from(at).ok()?));
        if let Some(byte) = hit {
            let left =
                self.good_reads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            *byte ^= u8::from(left.is_err());
        }
        Ok(())
    }
}

impl Sealed {
    pub(crate) fn new(topology: &Path) -> Self {
        let key = KeyFile::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let container = folder.path().join("m.ovseal");
        let model = Model::find(topology, ModelOptions::default()).unwrap();
        let options = SealOptions::new(ModelName::parse("m").unwrap()).recipient(&key);
        options.chunk_size(ChunkSize::from_log2(16).unwrap()).seal(&model, &container).unwrap();
        Self { bytes: std::fs::read(container).unwrap(), key }
    }

    /// Seals a topology with its weights.
    pub(crate) fn of(topology: &str, weights: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.xml");
        std::fs::write(&path, topology).unwrap();
        std::fs::write(path.with_extension("bin"), weights).unwrap();
        Self::new(&path)
    }

    /// Returns whether the runtime supports the network.
    pub(crate) fn compiles(&self, core: &Core) -> bool {
        compile(core, &self.opened(), Opening::Overlapped).is_ok()
    }

    pub(crate) fn open(&self, source: Arc<dyn ReadAt>) -> Opened {
        OpenOptions::new(Trust::AnySender).open_source(source, &[&self.key]).unwrap()
    }

    /// Opens it with a limit on the bytes of weights in memory.
    pub(crate) fn open_within(&self, source: Arc<dyn ReadAt>, budget: u64) -> Opened {
        let options = OpenOptions::new(Trust::AnySender).memory_budget(budget);
        options.open_source(source, &[&self.key]).unwrap()
    }

    pub(crate) fn opened(&self) -> Opened {
        self.open(Arc::new(self.bytes.clone()))
    }

    /// Returns the offset of each chunk of the weights: the second part, after the padded topology.
    pub(crate) fn chunks(&self) -> Vec<u64> {
        let opened = self.opened();
        let lengths: Vec<u64> = opened.parts().map(|part| part.length()).collect();
        let region = u64::from_be_bytes(self.bytes[24..32].try_into().unwrap());
        let weights = 4096 + region + lengths[0].next_multiple_of(4096);
        (weights..weights + lengths[1]).step_by(1 << 16).collect()
    }
}

pub(crate) fn compile(
    core: &Core,
    opened: &Opened,
    opening: Opening,
) -> Result<CompiledModel, SealedModelError> {
    let compilation = Compilation::on("CPU");
    core.compile_sealed(opened, &compilation, opening)
}

/// Compiles within 64 KiB of weights with each chunk failing in turn, and checks that the error
/// identifies the chunk.
pub(crate) fn every_bad_chunk_is_an_error_within_a_budget(core: &Core, sealed: &Sealed) {
    for (index, at) in sealed.chunks().into_iter().enumerate() {
        let source = Flipped { bytes: sealed.bytes.clone(), at, good_reads: AtomicU64::new(0) };
        let opened = sealed.open_within(Arc::new(source), 1 << 16);
        let error = compile(core, &opened, Opening::Overlapped).err().unwrap();
        let SealedModelError::Open(OpenError::Chunk { index: found, .. }) = error else { panic!("{error}") };
        assert_eq!(found, index as u64);
    }
}

/// Compiles with each chunk failing in turn, and checks that the error identifies the chunk.
pub(crate) fn every_bad_chunk_is_an_error(core: &Core, sealed: &Sealed) {
    for (index, at) in sealed.chunks().into_iter().enumerate() {
        let source = Flipped { bytes: sealed.bytes.clone(), at, good_reads: AtomicU64::new(0) };
        let error = compile(core, &sealed.open(Arc::new(source)), Opening::Overlapped).err().unwrap();
        let SealedModelError::Open(OpenError::Chunk { index: found, .. }) = error else { panic!("{error}") };
        assert_eq!(found, index as u64);
    }
}
