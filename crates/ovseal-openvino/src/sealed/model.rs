//! A sealed network in the runtime, and how it becomes one that computes.

use std::sync::Arc;

use ovseal::{Opened, PartMapping, UnverifiedMapping};

use super::decrypted::Topology;
use super::{Decrypted, Opening, SealedModelError, find};
use crate::cache::Compilation;
use crate::compiled::CompiledModel;
use crate::core::Core;
use crate::error::ModelError;
use crate::model::Model;
use crate::port::Port;
use crate::shape::PartialShape;

/// A network that the runtime has read while its weights may still be on the way.
///
/// It can be looked at and reshaped, and gives no network that computes before every chunk of its weights was found
/// authentic: [`compile`](Self::compile) and [`finish`](Self::finish) wait for that. What it tells before rests on the topology,
/// which was found authentic as a whole, and on weights that are authentic or zeros.
pub struct SealedModel {
    // Dropped first: what was read before what it reads.
    model: Model,
    weights: Vec<UnverifiedMapping>,
}

impl Core {
    /// Reads a decrypted network into the runtime.
    ///
    /// The weights' memory lives as long as the model and everything that is made of it, and is zeroized then. The topology's
    /// is zeroized when this returns.
    ///
    /// Of an ONNX model the runtime copies the weights one by one while it reads it. So this waits for the last chunk then, and
    /// gives the pages back to the kernel, when they can come again by decryption.
    ///
    /// # Errors
    ///
    /// [`SealedModelError::Open`] when the weights are not authentic, [`SealedModelError::Model`] when the runtime refuses
    /// the model.
    pub fn read_decrypted(&self, decrypted: Decrypted) -> Result<SealedModel, SealedModelError> {
        let Decrypted { topology, weights } = decrypted;
        let owners = weights.iter().map(UnverifiedMapping::hazmat_owner);
        let (model, is_copied) = match &topology {
            Topology::Whole(topology) => (self.read_model(topology, owners.map(Arc::new).next()), false),
            Topology::Skeleton(skeleton) => (self.read_skeleton(skeleton, owners.collect::<Vec<_>>()), true),
        };
        match model {
            Ok(model) if is_copied => Ok(SealedModel { model, weights: given_back(weights)? }),
            Ok(model) => Ok(SealedModel { model, weights }),
            Err(error) => Err(first_cause(weights, error)),
        }
    }

    /// Compiles a network of an opened container: decrypts it, reads it into the runtime, reshapes and compiles it.
    ///
    /// With an [overlapped](Opening::is_overlapped) opening all of that goes on at the same time. The compiled network is handed
    /// out when every chunk of it was found authentic, and the container's security version is recorded then
    /// ([`Opened::accept`]). To keep compiled networks, pass this as the closure of
    /// [`CompileCache::compile`](crate::CompileCache::compile).
    ///
    /// # Errors
    ///
    /// [`SealedModelError`]; see there.
    pub fn compile_sealed(
        &self,
        opened: &Opened,
        compilation: &Compilation<'_>,
        opening: Opening,
    ) -> Result<CompiledModel, SealedModelError> {
        let Compilation { part, device, properties, shapes } = *compilation;
        let mut model = self.read_decrypted(Decrypted::read(opened, part, device, opening)?)?;
        if !shapes.is_empty() {
            model.reshape(shapes)?;
        }
        let compiled = model.compile(self, device, properties)?;
        opened.accept()?;
        Ok(compiled)
    }

    /// Reads the network at `path` of an opened container, or its only network, into the runtime.
    ///
    /// Everything is decrypted before: nobody knows here what the model is for. When it has been read, the container's
    /// security version is recorded ([`Opened::accept`]).
    ///
    /// # Errors
    ///
    /// [`SealedModelError`]; see there.
    pub fn read_sealed(&self, opened: &Opened, path: Option<&str>) -> Result<Model, SealedModelError> {
        let decrypted = Decrypted::of(&find(opened, path)?, false)?;
        let model = self.read_decrypted(decrypted)?.finish()?;
        opened.accept()?;
        Ok(model)
    }
}

impl SealedModel {
    /// Describes the inputs; see [`Model::inputs`].
    ///
    /// # Errors
    ///
    /// Those of [`Model::inputs`].
    pub fn inputs(&self) -> Result<Vec<Port>, ModelError> {
        self.model.inputs()
    }

    /// Finds an input by any of its names; see [`Model::input_index`].
    ///
    /// # Errors
    ///
    /// Those of [`Model::input_index`].
    pub fn input_index(&self, name: &str) -> Result<usize, ModelError> {
        self.model.input_index(name)
    }

    /// Changes the shapes of inputs; see [`Model::reshape`].
    ///
    /// # Errors
    ///
    /// Those of [`Model::reshape`].
    pub fn reshape(&mut self, shapes: &[(&str, PartialShape)]) -> Result<(), ModelError> {
        self.model.reshape(shapes)
    }

    /// Compiles the network, and gives it out when every chunk of its weights was found authentic.
    ///
    /// After the first inference the pages of the weights are given back to the kernel, when they can come again by
    /// decryption: by then the device has made its own copies of nearly all of them.
    ///
    /// # Errors
    ///
    /// [`SealedModelError::Open`] when the weights are not authentic or cannot be read, [`SealedModelError::Model`] when the
    /// runtime refuses the model. The compiled network is dropped then.
    pub fn compile(
        self,
        core: &Core,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<CompiledModel, SealedModelError> {
        let Self { model, weights } = self;
        match core.compile(&model, device, properties) {
            Ok(compiled) => Ok(compiled.reading(verified(weights)?)),
            Err(error) => {
                drop(model);
                Err(first_cause(weights, error))
            }
        }
    }

    /// Gives out the network when every chunk of its weights was found authentic.
    ///
    /// # Errors
    ///
    /// [`SealedModelError::Open`] when the weights are not authentic or cannot be read.
    pub fn finish(self) -> Result<Model, SealedModelError> {
        verified(self.weights)?;
        Ok(self.model)
    }
}

fn verified(weights: Vec<UnverifiedMapping>) -> Result<Vec<PartMapping>, SealedModelError> {
    let verified = weights.into_iter().map(UnverifiedMapping::verify);
    Ok(verified.collect::<Result<_, _>>()?)
}

/// Gives the pages of weights back that the runtime has copied, before it makes more copies.
fn given_back(weights: Vec<UnverifiedMapping>) -> Result<Vec<UnverifiedMapping>, SealedModelError> {
    let give_back = |weights: PartMapping| {
        weights.release();
        weights.into()
    };
    Ok(verified(weights)?.into_iter().map(give_back).collect())
}

/// What the runtime says of weights that are not authentic is a consequence, not the cause.
fn first_cause(weights: Vec<UnverifiedMapping>, error: ModelError) -> SealedModelError {
    match verified(weights) {
        Ok(_) => error.into(),
        Err(cause) => cause,
    }
}
