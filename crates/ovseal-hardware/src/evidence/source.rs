//! Where evidence comes from, and what it is.

use std::path::{Path, PathBuf};

use super::{EvidenceError, gramine, tsm};

/// Bytes of the verifier's that evidence holds.
pub const REPORT_DATA_LENGTH: usize = 64;

/// More than any evidence has; the kernel's own limits are 32 KiB to 16 MiB.
pub(super) const LENGTH_LIMIT: u64 = 1 << 20;

/// Who signs evidence, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvidenceKind {
    /// A quote of an SGX enclave, version 3.
    SgxQuote,
    /// A quote of a TDX domain, version 4 or 5.
    TdxQuote,
    /// A report of an SEV-SNP guest.
    SnpReport,
}

/// What a trusted environment says of itself, signed by its processor's maker. Not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it is.
    pub kind: EvidenceKind,
    /// The quote or report.
    pub bytes: Vec<u8>,
    /// What the host adds, for SEV-SNP a table of certificates; often empty.
    pub auxiliary: Vec<u8>,
}

/// An interface that gives evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceSource {
    /// Gramine's files below this folder.
    Gramine(PathBuf),
    /// The kernel's `configfs-tsm` at this folder.
    Tsm(PathBuf),
}

impl EvidenceSource {
    /// Gramine's files in their usual place.
    pub const GRAMINE: &str = "/dev/attestation";
    /// The kernel's interface where configfs is usually mounted.
    pub const TSM: &str = "/sys/kernel/config/tsm/report";

    /// The interface that this machine has, if it has one. Inside an enclave it is Gramine's.
    pub fn detect() -> Option<Self> {
        let gramine = Path::new(Self::GRAMINE).join(gramine::REPORT_DATA).exists();
        let tsm = Path::new(Self::TSM).is_dir();
        gramine
            .then(|| Self::Gramine(Self::GRAMINE.into()))
            .or_else(|| tsm.then(|| Self::Tsm(Self::TSM.into())))
    }

    /// Collects evidence that holds `report_data`.
    ///
    /// It takes milliseconds to seconds. Requests of one process to Gramine wait for each other, because an enclave has one
    /// place for the data.
    ///
    /// # Errors
    /// [`EvidenceError`]. Evidence with other data than asked for is [`EvidenceError::Interference`].
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

impl Evidence {
    /// The verifier's bytes in it, unless it is too short, or of a version that is not known here.
    pub fn report_data(&self) -> Option<&[u8; REPORT_DATA_LENGTH]> {
        let offset = match self.kind {
            EvidenceKind::SgxQuote => QUOTE_HEADER + SGX_REPORT_DATA,
            EvidenceKind::TdxQuote => tdx_body(&self.bytes)? + TDX_REPORT_DATA,
            EvidenceKind::SnpReport => SNP_REPORT_DATA,
        };
        self.bytes.get(offset..)?.first_chunk()
    }
}

/// Where the body of a TDX quote begins: version 5 names its type and length first.
fn tdx_body(quote: &[u8]) -> Option<usize> {
    match quote.first_chunk()? {
        [4, 0] => Some(QUOTE_HEADER),
        [5, 0] => Some(QUOTE_HEADER + 6),
        _ => None,
    }
}

/// Bytes in the header of a quote (Intel SGX ECDSA QuoteLibReference, TDX DCAP Quoting Library API).
const QUOTE_HEADER: usize = 48;
/// Offset of the field in the report of an enclave (Intel SDM, volume 3D, §39.15).
const SGX_REPORT_DATA: usize = 320;
/// Offset of the field in the body of a TDX quote, in its versions 1.0 and 1.5.
const TDX_REPORT_DATA: usize = 520;
/// Offset of the field in a report (AMD SEV-SNP firmware ABI, table ATTESTATION_REPORT).
const SNP_REPORT_DATA: usize = 0x50;
