//! Interfaces that provide evidence.

use std::path::{Path, PathBuf};

use super::report::{Evidence, REPORT_DATA_LENGTH};
use super::{EvidenceError, gramine, tsm};

/// An interface that provides evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceSource {
    /// Gramine's files below this directory.
    Gramine(PathBuf),
    /// The kernel's `configfs-tsm` at this directory.
    Tsm(PathBuf),
}

impl EvidenceSource {
    /// Usual location of Gramine's files.
    pub const GRAMINE: &str = crate::sgx::GRAMINE;
    /// Location of the kernel's interface where configfs is usually mounted.
    pub const TSM: &str = "/sys/kernel/config/tsm/report";

    /// Returns the interface of this machine, if there is one. Inside an enclave, this is
    /// Gramine's.
    pub fn detect() -> Option<Self> {
        let gramine = Path::new(Self::GRAMINE).join(gramine::REPORT_DATA).exists();
        let tsm = Path::new(Self::TSM).is_dir();
        gramine
            .then(|| Self::Gramine(Self::GRAMINE.into()))
            .or_else(|| tsm.then(|| Self::Tsm(Self::TSM.into())))
    }

    /// Collects evidence that contains `report_data`.
    ///
    /// This takes milliseconds to seconds. A process makes one request to Gramine at a time,
    /// because an enclave has only one place for the data.
    ///
    /// # Errors
    /// [`EvidenceError`]; [`EvidenceError::Interference`] for evidence with data other than
    /// requested.
    pub fn collect(&self, report_data: &[u8; REPORT_DATA_LENGTH]) -> Result<Evidence, EvidenceError> {
        let evidence = match self {
            Self::Gramine(root) => gramine::collect(root, report_data)?,
            Self::Tsm(root) => tsm::collect(root, report_data)?,
        };
        let held = evidence.report_data().ok_or(EvidenceError::Malformed { provider: self.name() })?;
        if held == report_data { Ok(evidence) } else { Err(EvidenceError::Interference) }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Gramine(_) => "Gramine",
            Self::Tsm(_) => "the kernel",
        }
    }
}
