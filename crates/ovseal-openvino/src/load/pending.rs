//! A network in the runtime whose weights may not be verified yet.

use std::sync::Arc;

use ovseal::{Opened, PartMapping, UnverifiedMapping};

use super::decrypted::{Decrypted, Topology};
use super::{SealedModelError, find};
use crate::runtime::{CompiledModel, Core, Network, NetworkError, PartialShape};

/// A network that the runtime has read, whose weights may not be decrypted and verified yet.
///
/// You can inspect and reshape it. [`compile`](Self::compile) and [`finish`](Self::finish) wait
/// until every chunk of the weights has been verified. Until then, only the topology, which is
/// authentic, determines the answers. Weights are either authentic or read as zeros.
pub struct PendingModel {
    // Dropped first: the network before the memory that it reads.
    network: Network,
    weights: Vec<UnverifiedMapping>,
}

impl Core {
    /// Reads a decrypted network into the runtime.
    ///
    /// The weights' memory lives as long as the network and everything made from it, and is then
    /// zeroized. The topology is zeroized when this returns.
    ///
    /// The runtime copies the weights of an ONNX model while it reads the model. For such a model,
    /// this waits for the last chunk, and releases the pages to the kernel if they can be decrypted
    /// again.
    ///
    /// # Errors
    ///
    /// [`SealedModelError::Open`] if the weights are not authentic; [`SealedModelError::Model`] if
    /// the runtime rejects the model.
    pub fn read_decrypted(&self, decrypted: Decrypted) -> Result<PendingModel, SealedModelError> {
        let Decrypted { topology, weights } = decrypted;
        let owners = weights.iter().map(UnverifiedMapping::hazmat_owner);
        let (network, is_copied) = match &topology {
            Topology::Whole(topology) => (self.read_model(topology, owners.map(Arc::new).next()), false),
            Topology::Skeleton(skeleton) => (self.read_skeleton(skeleton, owners.collect::<Vec<_>>()), true),
        };
        match network {
            Ok(network) if is_copied => Ok(PendingModel { network, weights: released(weights)? }),
            Ok(network) => Ok(PendingModel { network, weights }),
            Err(error) => Err(first_cause(weights, error)),
        }
    }

    /// Reads the network at `path` of an opened container, or its only network, into the runtime.
    ///
    /// Everything is decrypted first, because the device is not known yet. Then the container's
    /// security version is recorded ([`Opened::accept`]).
    ///
    /// # Errors
    ///
    /// [`SealedModelError`].
    pub fn read_sealed(&self, opened: &Opened, path: Option<&str>) -> Result<Network, SealedModelError> {
        let decrypted = Decrypted::of(&find(opened, path)?, false)?;
        let network = self.read_decrypted(decrypted)?.finish()?;
        opened.accept()?;
        Ok(network)
    }
}

impl PendingModel {
    /// Changes the shapes of inputs, by any of their names.
    ///
    /// # Errors
    ///
    /// Any error of [`Network::reshape`].
    pub fn reshape(&mut self, shapes: &[(&str, PartialShape)]) -> Result<(), NetworkError> {
        self.network.reshape(shapes)
    }

    /// Compiles the network, and returns it after every chunk of its weights has been verified.
    ///
    /// # Errors
    ///
    /// [`SealedModelError::Open`] if the weights are not authentic or cannot be read;
    /// [`SealedModelError::Model`] if the runtime rejects the model. In either case the compiled
    /// model is dropped.
    pub fn compile(
        self,
        core: &Core,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<CompiledModel, SealedModelError> {
        let Self { network, weights } = self;
        match core.compile(&network, device, properties) {
            Ok(compiled) => Ok(compiled.reading(verified(weights)?)),
            Err(error) => {
                drop(network);
                Err(first_cause(weights, error))
            }
        }
    }

    /// Returns the network after every chunk of its weights has been verified.
    ///
    /// # Errors
    ///
    /// [`SealedModelError::Open`] if the weights are not authentic or cannot be read.
    pub fn finish(self) -> Result<Network, SealedModelError> {
        verified(self.weights)?;
        Ok(self.network)
    }
}

fn verified(weights: Vec<UnverifiedMapping>) -> Result<Vec<PartMapping>, SealedModelError> {
    let verified = weights.into_iter().map(UnverifiedMapping::verify);
    Ok(verified.collect::<Result<_, _>>()?)
}

/// Verifies weights that the runtime has copied, and releases their pages before it makes more
/// copies.
fn released(weights: Vec<UnverifiedMapping>) -> Result<Vec<UnverifiedMapping>, SealedModelError> {
    let release = |weights: PartMapping| {
        weights.release();
        weights.into()
    };
    Ok(verified(weights)?.into_iter().map(release).collect())
}

/// Returns the error for weights that are not authentic, which explains the runtime's own error.
fn first_cause(weights: Vec<UnverifiedMapping>, error: NetworkError) -> SealedModelError {
    match verified(weights) {
        Ok(_) => error.into(),
        Err(cause) => cause,
    }
}
