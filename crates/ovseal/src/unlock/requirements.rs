//! The caller's requirements: trust, name, minimum version, and a limit on key derivation.

use std::path::Path;

use ovseal_format::manifest::ModelName;
use ovseal_format::recipient::{Context, Identity};
use ovseal_format::stanza_region::StanzaRegion;

use super::plan::KdfLimit;
use super::sender::Sender;
use super::{Keyring, Unlocked, unlock};
use crate::container::side_file::SideFile;
use crate::container::{CheckedStatement, Container, Trust};
use crate::error::OpenError;
use crate::rollback::RollbackState;

/// The conditions that a container must meet before anything in it is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Requirements {
    pub(crate) trust: Trust,
    pub(crate) name: Option<ModelName>,
    pub(crate) min_security_version: Option<u64>,
    pub(crate) rollback: Option<RollbackState>,
    pub(crate) kdf_limit: KdfLimit,
}

impl Requirements {
    /// Creates requirements with this trust and nothing else.
    pub(crate) fn new(trust: Trust) -> Self {
        let kdf_limit = KdfLimit::default();
        Self { trust, name: None, min_security_version: None, rollback: None, kdf_limit }
    }

    /// Fails if the requirements contradict each other.
    pub(crate) fn check_usage(&self) -> Result<(), OpenError> {
        let needs_publisher =
            self.name.is_some() || self.min_security_version.is_some() || self.rollback.is_some();
        match &self.trust {
            Trust::Publishers(publishers) if publishers.is_empty() => Err(OpenError::NoPublisher),
            Trust::AnySender | Trust::SharedSecret if needs_publisher => {
                Err(OpenError::DemandWithoutPublisher)
            }
            _ => Ok(()),
        }
    }

    /// Checks the signature, name and version of `container`, but neither key nor payload.
    pub(crate) fn authenticate(&self, container: &Container) -> Result<CheckedStatement, OpenError> {
        self.check_usage()?;
        let checked = container.authenticate(&self.trust)?;
        self.check_name_and_version(&checked)?;
        Ok(checked)
    }

    /// Checks the requirements, then finds the data key. Returns the context for wrapping it again.
    pub(crate) fn unlock(
        &self,
        container: &Container,
        identities: &[&dyn Identity],
    ) -> Result<(Unlocked, Context), OpenError> {
        let checked = self.authenticate(container)?;
        self.unlock_checked(container, &checked, identities)
    }

    /// Finds the data key of a container that meets the requirements.
    pub(crate) fn unlock_checked(
        &self,
        container: &Container,
        checked: &CheckedStatement,
        identities: &[&dyn Identity],
    ) -> Result<(Unlocked, Context), OpenError> {
        let context = Context::new(&container.prologue, checked.statement.model());
        let keyring = Keyring { identities, limit: self.kdf_limit };
        let unlocked = unlock(container, &context, &self.sender(checked), &keyring)?;
        Ok((unlocked, context))
    }

    /// Fails if opening the container at `path` would fail because no sender is specified. Takes no
    /// key.
    pub(crate) fn check_sender(&self, path: &Path) -> Result<(), OpenError> {
        if self.trust != Trust::SharedSecret {
            return Ok(());
        }
        let container = Container::open(path)?;
        let checked = container.authenticate(&self.trust)?;
        let side = SideFile::read(&container)?;
        let side = side.as_ref().map(|side| &side.region);
        self.sender(&checked).check(container.candidates()?, side)?;
        Ok(())
    }

    /// Fails as [`check_sender`](Self::check_sender) would if the container held this region.
    pub(crate) fn check_region(&self, container: &Container, region: &StanzaRegion) -> Result<(), OpenError> {
        let checked = container.authenticate(&self.trust)?;
        self.sender(&checked).check_region(region)
    }

    fn sender<'a>(&'a self, checked: &'a CheckedStatement) -> Sender<'a> {
        Sender::new(&self.trust, checked)
    }

    fn check_name_and_version(&self, checked: &CheckedStatement) -> Result<(), OpenError> {
        let model = checked.statement.model();
        if let Some(name) = self.name.as_ref().filter(|name| name.id() != model) {
            return Err(OpenError::WrongName { name: name.as_str().to_owned() });
        }
        let mut floor = self.min_security_version.unwrap_or(0);
        if let Some(state) = &self.rollback {
            floor = floor.max(state.floor(&self.trust.publishers_of(model), model)?);
        }
        let found = checked.statement.security_version;
        if found < floor { Err(OpenError::SecurityVersion { found, floor }) } else { Ok(()) }
    }
}
