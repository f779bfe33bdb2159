//! Reads the description that a compiled model contains.

use ovseal_format::manifest::PartKind;

use super::Part;
use crate::error::OpenError;
use crate::model::{CompiledBlob, time_hint};

impl Part {
    /// Reads the description in a compiled model, or returns `None` for a part of another kind.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] if a chunk that contains it is not authentic.
    pub fn compiled_blob(&self) -> Result<Option<CompiledBlob>, OpenError> {
        if self.entry().kind != PartKind::Compiled {
            return Ok(None);
        }
        let blob = CompiledBlob::read(self.length(), |offset, buffer| self.read_range(offset, buffer))?;
        Ok(Some(CompiledBlob { time: self.hint(&time_hint(self.number)), ..blob }))
    }

    /// Returns a number among the writer's hints.
    fn hint(&self, name: &str) -> Option<u64> {
        let mut hints = self.inner.manifest.hints.iter();
        hints.find(|(found, _)| found == name).and_then(|(_, value)| value.parse().ok())
    }
}
