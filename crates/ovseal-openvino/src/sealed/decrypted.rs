//! A network of an opened container in memory.

use ovseal::onnx::Skeleton;
use ovseal::{OpenError, Opened, Part, PartKind, UnverifiedMapping};
use ovseal_memory::ModelMemory;

use super::{Opening, SealedModelError, find};

/// A network of an opened container in memory: the topology decrypted, the weights decrypted or on the way.
pub struct Decrypted {
    pub(super) topology: Topology,
    pub(super) weights: Vec<UnverifiedMapping>,
}

/// What the runtime's parsers read.
pub(super) enum Topology {
    /// A whole part; its weights, if it has any, are the only ones.
    Whole(ModelMemory),
    /// What is left of an ONNX model. It points into the weights: the model's own part, and its companions.
    Skeleton(Skeleton),
}

impl Decrypted {
    /// Decrypts the network at `path` of an opened container, or its only network, for `device`.
    ///
    /// When the opening is [overlapped](Opening::is_overlapped) for the device, this returns when the topology is decrypted, and the
    /// weights go on by themselves.
    ///
    /// # Errors
    ///
    /// [`SealedModelError`], but not [`SealedModelError::Model`].
    pub fn read(
        opened: &Opened,
        path: Option<&str>,
        device: &str,
        opening: Opening,
    ) -> Result<Self, SealedModelError> {
        let (part, is_overlapped) = (find(opened, path)?, opening.is_overlapped(device));
        if part.entry().kind == PartKind::Onnx {
            return Self::read_onnx(&part, is_overlapped);
        }
        let topology = part.read()?;
        check_kind(&part, &topology)?;
        let weights = part.companions().take(1).map(|weights| start(&weights, is_overlapped));
        Ok(Self { topology: Topology::Whole(topology), weights: weights.collect::<Result<_, _>>()? })
    }

    /// Counts the bytes that [`Decrypted::read`] decrypts.
    ///
    /// # Errors
    ///
    /// As for [`Decrypted::read`], as far as the parts' list shows it.
    pub fn length(opened: &Opened, path: Option<&str>) -> Result<u64, SealedModelError> {
        let part = find(opened, path)?;
        let read = if part.entry().kind == PartKind::Onnx { usize::MAX } else { 1 };
        let weights: u64 = part.companions().take(read).map(|weights| weights.length()).sum();
        Ok(part.length() + weights)
    }

    /// Whether all of it is locked into memory, so that it cannot be swapped to a disk.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        let topology = match &self.topology {
            Topology::Whole(memory) => memory.is_locked(),
            Topology::Skeleton(skeleton) => skeleton.is_locked(),
        };
        topology && self.weights.iter().all(UnverifiedMapping::is_locked)
    }

    /// Whether weights are decrypted while the runtime reads them.
    #[must_use]
    pub fn is_overlapped(&self) -> bool {
        self.weights.iter().any(UnverifiedMapping::is_on_demand)
    }
}

pub(super) fn start(weights: &Part, is_overlapped: bool) -> Result<UnverifiedMapping, OpenError> {
    if is_overlapped { weights.start_mapping(AHEAD) } else { Ok(weights.read_mapping()?.into()) }
}

/// Lets only such topologies pass that are what they are called: the runtime tells formats apart by their content.
pub(super) fn check_kind(part: &Part, topology: &[u8]) -> Result<(), SealedModelError> {
    let entry = part.entry();
    if entry.kind.fits(topology) {
        Ok(())
    } else {
        Err(SealedModelError::NotAModel { path: entry.path.to_string() })
    }
}

/// Threads that decrypt ahead of the runtime, which has threads of its own.
const AHEAD: usize = 1;
