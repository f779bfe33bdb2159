//! A network of an opened container in memory.

use ovseal::onnx::Skeleton;
use ovseal::{OpenError, Opened, Part, PartKind, UnverifiedMapping};
use ovseal::{ir, paddle};
use ovseal_memory::ModelMemory;

use super::{Opening, SealedModelError, check_kind, find, onnx, residency, shape_constants, start};

/// A network of an opened container in memory: the topology decrypted, the weights decrypted or
/// being decrypted.
pub struct Decrypted {
    pub(super) topology: Topology,
    pub(super) weights: Vec<UnverifiedMapping>,
}

/// The bytes that the runtime's parsers read.
pub(super) enum Topology {
    /// A whole part, with at most one part of weights.
    Whole(ModelMemory),
    /// The skeleton of an ONNX model. It points into the weights: the model's own part and its
    /// companions.
    Skeleton(Skeleton),
}

impl Decrypted {
    /// Decrypts the network at `path` of an opened container, or its only network, for `device`.
    ///
    /// If the opening is [overlapped](Opening::is_overlapped) for the device, this returns after
    /// the topology is decrypted, and threads go on decrypting the weights.
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
        Self::of(&find(opened, path)?, opening.is_overlapped(device))
    }

    /// Decrypts the network whose topology is `part`.
    pub(super) fn of(part: &Part, is_overlapped: bool) -> Result<Self, SealedModelError> {
        if part.entry().kind == PartKind::Onnx {
            let (skeleton, weights) = onnx::read(part, is_overlapped)?;
            return Ok(Self { topology: Topology::Skeleton(skeleton), weights });
        }
        let topology = part.read()?;
        check_kind(part, &topology)?;
        let weights = if part.entry().kind == PartKind::Ir {
            start_ir(part, &topology, is_overlapped)?
        } else {
            part.companions().take(1).map(|weights| start_paddle(&weights)).collect::<Result<_, _>>()?
        };
        Ok(Self { topology: Topology::Whole(topology), weights })
    }

    /// Returns the number of bytes that [`Decrypted::read`] decrypts.
    ///
    /// # Errors
    ///
    /// Any error of [`Decrypted::read`] that the list of parts reveals.
    pub fn length(opened: &Opened, path: Option<&str>) -> Result<u64, SealedModelError> {
        let part = find(opened, path)?;
        let read = if part.entry().kind == PartKind::Onnx { usize::MAX } else { 1 };
        let weights: u64 = part.companions().take(read).map(|weights| weights.length()).sum();
        Ok(part.length() + weights)
    }

    /// Returns whether everything is locked in memory, so that it cannot be swapped to disk.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        let topology = match &self.topology {
            Topology::Whole(memory) => memory.is_locked(),
            Topology::Skeleton(skeleton) => skeleton.is_locked(),
        };
        topology && self.weights.iter().all(UnverifiedMapping::is_locked)
    }

    /// Returns the bytes for the runtime's parser, for a caller with its own interface to the
    /// runtime.
    ///
    /// All of it is authentic. For an ONNX model it contains addresses in the
    /// [weights](Self::hazmat_weights): keep those alive as long as anything that the runtime makes
    /// from it.
    #[must_use]
    pub fn topology(&self) -> &[u8] {
        match &self.topology {
            Topology::Whole(memory) => memory,
            Topology::Skeleton(skeleton) => skeleton.as_ref(),
        }
    }

    /// Returns whether the topology points into the weights, which the runtime copies as it reads.
    ///
    /// Then pass the topology to the runtime without weights.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        matches!(self.topology, Topology::Skeleton(_))
    }

    /// Returns the weights. Base no decision on them until [`UnverifiedMapping::verify`] has
    /// succeeded for each.
    ///
    /// Unless the weights are [copied](Self::is_copied), there is at most one mapping, whose memory
    /// the runtime shares.
    pub fn hazmat_weights(&self) -> &[UnverifiedMapping] {
        &self.weights
    }

    /// Zeroizes the topology and returns the weights. Call this after the runtime has read
    /// the topology.
    #[must_use]
    pub fn into_weights(self) -> Vec<UnverifiedMapping> {
        self.weights
    }

    /// Returns whether weights are decrypted while the runtime reads them.
    #[must_use]
    pub fn is_overlapped(&self) -> bool {
        self.weights.iter().any(UnverifiedMapping::is_on_demand)
    }
}

/// Checks an IR and starts to decrypt its weights, if it has any.
///
/// The constants that determine what the runtime does are in memory and authentic when this
/// returns.
fn start_ir(part: &Part, topology: &[u8], is_overlapped: bool) -> Result<Vec<UnverifiedMapping>, OpenError> {
    let rejected = |source| OpenError::Ir { part: part.entry().path.clone(), source };
    let network = ir::Topology::parse(topology).map_err(rejected)?;
    let weights = part.companions().next();
    network.check_length(weights.as_ref().map_or(0, Part::length)).map_err(rejected)?;
    let Some(weights) = weights else { return Ok(Vec::new()) };
    let weights = start(&weights, is_overlapped)?;
    if weights.is_on_demand() {
        weights.bound(residency::of_constants(&network, 0), 1)?;
        shape_constants::bring_in_all(&network, weights.hazmat_unverified());
        weights.check()?;
    }
    shape_constants::check_strings(&network, weights.hazmat_unverified()).map_err(rejected)?;
    Ok(vec![weights])
}

/// Decrypts and checks the parameters of a PaddlePaddle model, because its parser trusts the
/// lengths in them.
fn start_paddle(parameters: &Part) -> Result<UnverifiedMapping, OpenError> {
    let mapping = start(parameters, false)?;
    let bytes = mapping.hazmat_unverified();
    let read = |offset, count| Ok(bytes[offset as usize..][..count].to_vec());
    let checked = paddle::check_parameters(bytes.len() as u64, read);
    let rejected = |source| OpenError::Paddle { part: parameters.entry().path.clone(), source };
    checked.map(|()| mapping).map_err(rejected)
}
