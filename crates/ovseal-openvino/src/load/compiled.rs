//! Compiled models of opened containers.

use std::sync::Arc;

use ovseal::{Opened, Part, PartKind};

use super::{SealedModelError, is_compiled, only};
use crate::runtime::{CompiledModel, Core};

impl Core {
    /// Imports the compiled model at `path` of an opened container, or its only one, on the device
    /// that exported it.
    ///
    /// All of it is decrypted and verified first, because the device's parser trusts its input. The
    /// runtime goes on reading the bytes in place. The bytes live as long as the compiled model and
    /// its requests, and are then zeroized. After the import the container's security version is
    /// recorded ([`Opened::accept`]).
    ///
    /// # Errors
    ///
    /// [`SealedModelError::Open`] if the model is not authentic; [`SealedModelError::Model`] if it
    /// is not for this device, machine and runtime; any error of [`find_compiled`].
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

/// Returns the part at `path`, or the only part that is a compiled model.
///
/// The part at `path` may also be a plain file: older versions sealed compiled models as such.
///
/// # Errors
///
/// [`SealedModelError::NotCompiled`] for a part of another kind; without a path,
/// [`SealedModelError::NoCompiledModel`] and [`SealedModelError::SeveralModels`]; any error of
/// [`Opened::part`].
pub fn find_compiled(opened: &Opened, path: Option<&str>) -> Result<Part, SealedModelError> {
    let Some(path) = path else {
        return only(opened, is_compiled)?.ok_or(SealedModelError::NoCompiledModel);
    };
    let part = opened.part(path)?;
    match part.entry().kind {
        PartKind::Compiled | PartKind::File | PartKind::Other => Ok(part),
        _ => Err(SealedModelError::NotCompiled { path: path.to_owned() }),
    }
}
