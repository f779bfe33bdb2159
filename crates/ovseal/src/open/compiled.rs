//! What a compiled model in a container says of itself.

use ovseal_format::manifest::PartKind;

use super::Part;
use crate::error::OpenError;
use crate::model::{CompiledBlob, time_hint};

impl Part {
    /// Reads what a compiled model says of itself; nothing for a part of another kind.
    ///
    /// # Errors
    /// [`OpenError::Chunk`] when a chunk that it stands in is not authentic.
    pub fn compiled_blob(&self) -> Result<Option<CompiledBlob>, OpenError> {
        if self.entry().kind != PartKind::Compiled {
            return Ok(None);
        }
        let blob = CompiledBlob::read(self.length(), |offset, buffer| self.read_range(offset, buffer))?;
        Ok(Some(CompiledBlob { time: self.hint(&time_hint(self.number)), ..blob }))
    }

    /// A number among the writer's remarks.
    fn hint(&self, name: &str) -> Option<u64> {
        let mut hints = self.inner.manifest.hints.iter();
        hints.find(|(found, _)| found == name).and_then(|(_, value)| value.parse().ok())
    }
}
