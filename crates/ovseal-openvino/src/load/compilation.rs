//! The settings of a compilation.

use std::sync::Arc;

use crate::runtime::{CompiledModel, Core, NetworkError, PartialShape, Weights};

/// The settings with which a network of a container is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compilation {
    /// The path of the network in the container; `None` for the only network.
    pub part: Option<String>,
    /// The device, such as `CPU`.
    pub device: String,
    /// The properties for [`Core::compile`](crate::Core::compile).
    pub properties: Vec<(String, String)>,
    /// The shapes for [`Network::reshape`](crate::Network::reshape).
    pub shapes: Vec<(String, PartialShape)>,
}

impl Compilation {
    /// Creates the settings for the only network of a container, without properties and shapes.
    #[must_use]
    pub fn on(device: impl Into<String>) -> Self {
        Self { part: None, device: device.into(), properties: Vec::new(), shapes: Vec::new() }
    }

    pub(crate) fn properties(&self) -> Vec<(&str, &str)> {
        self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub(crate) fn shapes(&self) -> Vec<(&str, PartialShape)> {
        self.shapes.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect()
    }

    /// Imports an exported model with the properties of this compilation.
    pub(crate) fn import<W: Weights>(
        &self,
        core: &Core,
        exported: Arc<W>,
    ) -> Result<CompiledModel, NetworkError> {
        if self.properties.is_empty() {
            return core.import(exported, &self.device);
        }
        // An import takes no properties, so set them on a new core. The caller's core would keep
        // them.
        let core = Core::configured(core.runtime(), &self.device, &self.properties())?;
        core.import(exported, &self.device)
    }
}
