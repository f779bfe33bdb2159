//! Quotes and reports, and the position of the verifier's data in them.

/// Length of the verifier's data in evidence.
pub const REPORT_DATA_LENGTH: usize = 64;

/// Limit on the length of evidence. The kernel's own limits are 32 KiB to 16 MiB.
pub(super) const LENGTH_LIMIT: u64 = 1 << 20;

/// The signer and form of evidence.
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

/// A trusted environment's statement about itself, signed through its processor. Not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The kind of evidence.
    pub kind: EvidenceKind,
    /// The quote or report.
    pub bytes: Vec<u8>,
    /// Data added by the host: a table of certificates for SEV-SNP, otherwise often empty.
    pub auxiliary: Vec<u8>,
}

impl Evidence {
    /// Returns the verifier's bytes, or `None` if the evidence is too short or has an unknown
    /// version.
    pub fn report_data(&self) -> Option<&[u8; REPORT_DATA_LENGTH]> {
        let offset = match self.kind {
            EvidenceKind::SgxQuote => QUOTE_HEADER + SGX_REPORT_DATA,
            EvidenceKind::TdxQuote => tdx_body(&self.bytes)? + TDX_REPORT_DATA,
            EvidenceKind::SnpReport => SNP_REPORT_DATA,
        };
        self.bytes.get(offset..)?.first_chunk()
    }
}

/// Returns the offset of a TDX quote's body. Version 5 states its type and length first.
fn tdx_body(quote: &[u8]) -> Option<usize> {
    match quote.first_chunk()? {
        [4, 0] => Some(QUOTE_HEADER),
        [5, 0] => Some(QUOTE_HEADER + 6),
        _ => None,
    }
}

/// Length of a quote's header (Intel SGX ECDSA QuoteLibReference, TDX DCAP Quoting Library API).
const QUOTE_HEADER: usize = 48;
/// Offset of the field in an enclave's report (Intel SDM, volume 3D, §39.15).
const SGX_REPORT_DATA: usize = 320;
/// Offset of the field in the body of a TDX quote, versions 1.0 and 1.5.
const TDX_REPORT_DATA: usize = 520;
/// Offset of the field in a report (AMD SEV-SNP firmware ABI, table ATTESTATION_REPORT).
const SNP_REPORT_DATA: usize = 0x50;
