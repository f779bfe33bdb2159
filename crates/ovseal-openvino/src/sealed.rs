//! From an opened container to a model of the runtime.

use std::sync::Arc;

use ovseal::{ErrorKind, OpenError, Opened, Part, PartKind, onnx};
use ovseal_memory::ModelMemory;

use crate::core::Core;
use crate::error::ModelError;
use crate::model::Model;

/// A model of an opened container could not be read into the runtime.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedModelError {
    /// A part is not authentic, or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The runtime refused the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The container holds no network that the runtime can read from memory.
    #[error("the container holds no model that can be run: no IR, ONNX or PaddlePaddle part")]
    NoModel,
    /// The container holds several networks.
    #[error("the container holds several models: {}", paths.join(", "))]
    SeveralModels {
        /// Their paths.
        paths: Vec<String>,
    },
    /// The part that was asked for is no network that the runtime can read from memory.
    #[error("{path} is no IR, ONNX or PaddlePaddle model")]
    NotAModel {
        /// Its path.
        path: String,
    },
    /// The network keeps its weights in other parts in a way that cannot be read from memory.
    #[error("{path} is an ONNX model with external data, which this version cannot open")]
    ExternalData {
        /// Its path.
        path: String,
    },
}

impl SealedModelError {
    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Open(error) => error.kind(),
            Self::Model(error) => error.kind(),
            Self::NoModel | Self::NotAModel { .. } | Self::ExternalData { .. } => ErrorKind::Unsupported,
            Self::SeveralModels { .. } => ErrorKind::Usage,
        }
    }
}

/// A network of an opened container, decrypted into memory: every chunk of it was found authentic.
pub struct Decrypted {
    topology: ModelMemory,
    weights: Option<Arc<ModelMemory>>,
}

impl Decrypted {
    /// Decrypts the network at `path` of an opened container, or its only network.
    ///
    /// # Errors
    ///
    /// [`SealedModelError`], but not [`SealedModelError::Model`].
    pub fn read(opened: &Opened, path: Option<&str>) -> Result<Self, SealedModelError> {
        let part = find(opened, path)?;
        let topology = part.read()?;
        check_topology(opened, &part, &topology)?;
        let weights = part.companions().next().map(|weights| weights.read().map(Arc::new)).transpose()?;
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
        self.topology.is_locked() && self.weights.as_ref().is_none_or(|weights| weights.is_locked())
    }
}

impl Core {
    /// Reads a decrypted network into the runtime.
    ///
    /// The weights' memory lives as long as the model and everything that is made of it, and is zeroized then. The topology's
    /// is zeroized when this returns.
    ///
    /// # Errors
    ///
    /// [`ModelError`] when the runtime refuses the model.
    pub fn read_decrypted(&self, decrypted: Decrypted) -> Result<Model, ModelError> {
        self.read_model(&decrypted.topology, decrypted.weights)
    }

    /// Reads the network at `path` of an opened container, or its only network, into the runtime.
    ///
    /// When it has been read, the container's security version is recorded ([`Opened::accept`]).
    ///
    /// # Errors
    ///
    /// [`SealedModelError`]; see there.
    pub fn read_sealed(&self, opened: &Opened, path: Option<&str>) -> Result<Model, SealedModelError> {
        let model = self.read_decrypted(Decrypted::read(opened, path)?)?;
        opened.accept()?;
        Ok(model)
    }
}

/// The part at `path`, or the only one that is a network.
fn find(opened: &Opened, path: Option<&str>) -> Result<Part, SealedModelError> {
    if let Some(path) = path {
        let part = opened.part(path)?;
        let is_model = part.entry().kind.is_model();
        return if is_model { Ok(part) } else { Err(SealedModelError::NotAModel { path: path.to_owned() }) };
    }
    let mut models: Vec<&str> = paths_of_models(opened).collect();
    match (models.pop(), models.is_empty()) {
        (Some(only), true) => Ok(opened.part(only)?),
        (None, _) => Err(SealedModelError::NoModel),
        (Some(_), false) => Err(SealedModelError::SeveralModels {
            paths: paths_of_models(opened).map(str::to_owned).collect(),
        }),
    }
}

fn paths_of_models(opened: &Opened) -> impl Iterator<Item = &str> {
    let models = opened.manifest().parts.iter().filter(|part| part.kind.is_model());
    models.map(|part| part.path.as_str())
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
