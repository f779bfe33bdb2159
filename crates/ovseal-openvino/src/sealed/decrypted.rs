//! A network of an opened container in memory.

use ovseal::onnx::Skeleton;
use ovseal::{OpenError, Opened, Part, PartKind, UnverifiedMapping};
use ovseal::{ir, paddle};
use ovseal_memory::ModelMemory;

use super::{Opening, SealedModelError, find};
use crate::shape_constants;

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
        Self::of(&find(opened, path)?, opening.is_overlapped(device))
    }

    /// Decrypts the network whose topology is `part`.
    pub(super) fn of(part: &Part, is_overlapped: bool) -> Result<Self, SealedModelError> {
        if part.entry().kind == PartKind::Onnx {
            return Self::read_onnx(part, is_overlapped);
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

    /// What the runtime's parser reads, for a runtime that is called through another interface.
    ///
    /// All of it is authentic, but that of an ONNX model has addresses in the [weights](Self::hazmat_weights): keep them as long
    /// as whatever the runtime makes of it.
    #[must_use]
    pub fn topology(&self) -> &[u8] {
        match &self.topology {
            Topology::Whole(memory) => memory,
            Topology::Skeleton(skeleton) => skeleton.as_ref(),
        }
    }

    /// Whether the runtime copies the weights while it reads the topology, which then points at them. It gets no weights beside it.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        matches!(self.topology, Topology::Skeleton(_))
    }

    /// The weights, which must not decide anything before [`UnverifiedMapping::verify`] has given `Ok` for each.
    ///
    /// Unless they are [copied](Self::is_copied) there is one at most, whose memory the runtime shares.
    pub fn hazmat_weights(&self) -> &[UnverifiedMapping] {
        &self.weights
    }

    /// Zeroizes the topology, once the runtime has read it, and gives the weights.
    #[must_use]
    pub fn into_weights(self) -> Vec<UnverifiedMapping> {
        self.weights
    }

    /// Whether weights are decrypted while the runtime reads them.
    #[must_use]
    pub fn is_overlapped(&self) -> bool {
        self.weights.iter().any(UnverifiedMapping::is_on_demand)
    }
}

/// Checks an IR and begins to decrypt its weights, if it has any.
///
/// The constants by which the runtime decides are there, and authentic, when this returns.
fn start_ir(part: &Part, topology: &[u8], is_overlapped: bool) -> Result<Vec<UnverifiedMapping>, OpenError> {
    let refused = |source| OpenError::Ir { part: part.entry().path.clone(), source };
    let network = ir::Topology::parse(topology).map_err(refused)?;
    let weights = part.companions().next();
    network.check_length(weights.as_ref().map_or(0, Part::length)).map_err(refused)?;
    let Some(weights) = weights else { return Ok(Vec::new()) };
    let weights = start(&weights, is_overlapped)?;
    if weights.is_on_demand() {
        shape_constants::bring_in_all(&network, weights.hazmat_unverified());
        weights.check()?;
    }
    shape_constants::check_strings(&network, weights.hazmat_unverified()).map_err(refused)?;
    Ok(vec![weights])
}

/// Decrypts and checks parameters of PaddlePaddle. They have lengths among them, which its parser trusts.
fn start_paddle(parameters: &Part) -> Result<UnverifiedMapping, OpenError> {
    let mapping = start(parameters, false)?;
    let bytes = mapping.hazmat_unverified();
    let read = |offset, count| Ok(bytes[offset as usize..][..count].to_vec());
    let checked = paddle::check_parameters(bytes.len() as u64, read);
    let refused = |source| OpenError::Paddle { part: parameters.entry().path.clone(), source };
    checked.map(|()| mapping).map_err(refused)
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
