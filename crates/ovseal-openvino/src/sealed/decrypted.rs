//! A network of an opened container in memory.

use ovseal::{OpenError, Opened, Part, PartKind, UnverifiedMapping, onnx};
use ovseal_memory::ModelMemory;

use super::{Opening, SealedModelError, find};

/// A network of an opened container in memory: the topology decrypted, the weights decrypted or on the way.
pub struct Decrypted {
    pub(super) topology: ModelMemory,
    pub(super) weights: Option<UnverifiedMapping>,
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
        let part = find(opened, path)?;
        let topology = part.read()?;
        check_topology(opened, &part, &topology)?;
        let weights = part.companions().next();
        let weights = weights.map(|weights| start(&weights, opening.is_overlapped(device))).transpose()?;
        Ok(Self { topology, weights })
    }

    /// Counts the bytes that [`Decrypted::read`] decrypts.
    ///
    /// # Errors
    ///
    /// As for [`Decrypted::read`], as far as the parts' list shows it.
    pub fn length(opened: &Opened, path: Option<&str>) -> Result<u64, SealedModelError> {
        let part = find(opened, path)?;
        let weights = part.companions().next().map_or(0, |weights| weights.length());
        Ok(part.length() + weights)
    }

    /// Whether all of it is locked into memory, so that it cannot be swapped to a disk.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.topology.is_locked() && self.weights.as_ref().is_none_or(UnverifiedMapping::is_locked)
    }

    /// Whether weights are decrypted while the runtime reads them.
    #[must_use]
    pub fn is_overlapped(&self) -> bool {
        self.weights.as_ref().is_some_and(UnverifiedMapping::is_on_demand)
    }
}

fn start(weights: &Part, is_overlapped: bool) -> Result<UnverifiedMapping, OpenError> {
    if is_overlapped { weights.start_mapping(AHEAD) } else { Ok(weights.read_mapping()?.into()) }
}

/// Lets only such topologies pass that are what they are called, and refer to nothing outside themselves.
///
/// The runtime tells formats apart by their content. In an ONNX model it would look for a referenced file in the current
/// folder, and take a certain location as an address.
fn check_topology(opened: &Opened, part: &Part, topology: &[u8]) -> Result<(), SealedModelError> {
    let entry = part.entry();
    if !entry.kind.fits(topology) {
        return Err(SealedModelError::NotAModel { path: entry.path.to_string() });
    }
    if entry.kind != PartKind::Onnx {
        return Ok(());
    }
    let refused = |source| OpenError::Onnx { part: entry.path.clone(), source };
    let references = onnx::references(topology).map_err(refused)?;
    let parts = &opened.manifest().parts;
    let companions: Vec<_> = entry.companions.iter().map(|&number| &parts[number]).collect();
    onnx::check_references(&references, &entry.path, &companions).map_err(refused)?;
    if references.is_empty() {
        Ok(())
    } else {
        Err(SealedModelError::ExternalData { path: entry.path.to_string() })
    }
}

/// Threads that decrypt ahead of the runtime, which has threads of its own.
const AHEAD: usize = 1;
