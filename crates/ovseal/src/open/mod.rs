//! Opens a container, in the order of `docs/format.md` §7.

mod compiled;
mod mapping;
mod opened;
mod part;
mod scratch;

use std::path::Path;
use std::sync::Arc;

use ovseal_format::recipient::Identity;

use crate::container::read_at::ReadAt;
use crate::container::{Container, Verification};
use crate::error::OpenError;
use crate::options::OpenOptions;
pub use mapping::{PartMapping, Populated, UnverifiedMapping};
pub use opened::Opened;
pub use part::Part;

impl OpenOptions {
    /// Opens the container at `path` with one of `identities`.
    ///
    /// Everything but the payload is then authentic. Parts are decrypted when they are read. After
    /// the model has been loaded, call [`Opened::accept`] to raise the rollback state.
    ///
    /// # Errors
    /// [`OpenError`]: the first check that fails, in the order of the format.
    pub fn open(&self, path: &Path, identities: &[&dyn Identity]) -> Result<Opened, OpenError> {
        self.requirements.check_usage()?;
        self.open_container(&Container::open(path)?, identities)
    }

    /// Opens a container that is not a file. There is no rekeying file and no side file next to it.
    ///
    /// # Errors
    /// Any error of [`open`](Self::open).
    pub fn open_source(
        &self,
        source: Arc<dyn ReadAt>,
        identities: &[&dyn Identity],
    ) -> Result<Opened, OpenError> {
        self.requirements.check_usage()?;
        self.open_container(&Container::from_source(source)?, identities)
    }

    /// Verifies everything with a key, including MACs, manifest, and the digest and tag of every
    /// chunk.
    ///
    /// # Errors
    /// [`OpenError`]: the first check that fails.
    pub fn verify_with_key(
        &self,
        path: &Path,
        identities: &[&dyn Identity],
    ) -> Result<(Verification, Opened), OpenError> {
        // Without a publisher, comparing digests detects only accidental damage.
        let checking = Self { checks_digests: true, ..self.clone() };
        let opened = checking.open(path, identities)?;
        opened.parts().try_for_each(|part| part.verify())?;
        Ok((opened.verification(), opened))
    }

    fn open_container(
        &self,
        container: &Container,
        identities: &[&dyn Identity],
    ) -> Result<Opened, OpenError> {
        let checked = self.requirements.authenticate(container)?;
        let (unlocked, _) = self.requirements.unlock_checked(container, &checked, identities)?;
        Opened::new(self, container, checked, unlocked)
    }
}
