//! Compiled models of opened containers.

use std::sync::Arc;

use ovseal::{Opened, Part, PartKind};

use super::SealedModelError;
use crate::compiled::CompiledModel;
use crate::core::Core;

impl Core {
    /// Imports the compiled model at `path` of an opened container, or its only one, on the device that exported it.
    ///
    /// Everything is decrypted before, since the device's parser trusts what it reads. The runtime goes on reading the
    /// bytes in place; they live as long as the compiled model and its requests, and are zeroized then. When the model
    /// has been imported, the container's security version is recorded ([`Opened::accept`]).
    ///
    /// # Errors
    ///
    /// [`SealedModelError::Open`] when it is not authentic, [`SealedModelError::Model`] when it is not for this device,
    /// machine and runtime; those of [`find_compiled`].
    pub fn import_sealed(
        &self,
        opened: &Opened,
        path: Option<&str>,
        device: &str,
    ) -> Result<CompiledModel, SealedModelError> {
        let exported = find_compiled(opened, path)?.read_mapping()?;
        let compiled = self.import(Arc::new(exported), device)?;
        opened.accept()?;
        Ok(compiled)
    }
}

/// Returns the part at `path`, or the only one that is a compiled model.
///
/// A part that is named may also be a plain file: older versions sealed compiled models as such.
///
/// # Errors
///
/// [`SealedModelError::NotCompiled`] for a part of another kind; [`SealedModelError::NoCompiledModel`] and
/// [`SealedModelError::SeveralModels`] when none was named; those of [`Opened::part`].
pub fn find_compiled(opened: &Opened, path: Option<&str>) -> Result<Part, SealedModelError> {
    let Some(path) = path else { return only_compiled(opened) };
    let part = opened.part(path)?;
    match part.entry().kind {
        PartKind::Compiled | PartKind::File | PartKind::Other => Ok(part),
        _ => Err(SealedModelError::NotCompiled { path: path.to_owned() }),
    }
}

fn only_compiled(opened: &Opened) -> Result<Part, SealedModelError> {
    let mut paths: Vec<String> = compiled(opened).collect();
    match (paths.pop(), paths.is_empty()) {
        (Some(only), true) => Ok(opened.part(&only)?),
        (None, _) => Err(SealedModelError::NoCompiledModel),
        (Some(_), false) => Err(SealedModelError::SeveralModels { paths: compiled(opened).collect() }),
    }
}

/// The paths of compiled models.
pub(super) fn compiled(opened: &Opened) -> impl Iterator<Item = String> {
    let parts = opened.manifest().parts.iter();
    parts.filter(|part| part.kind == PartKind::Compiled).map(|part| part.path.to_string())
}
