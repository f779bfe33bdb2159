//! Evidence (RFC 9334) of the trusted environment in which this runs: quotes and reports that the processor signs.
//!
//! | where this runs | interface |
//! |---|---|
//! | an SGX enclave under Gramine | `/dev/attestation/user_report_data`, `/dev/attestation/quote` |
//! | a confidential virtual machine: Intel TDX, AMD SEV-SNP | the kernel's `configfs-tsm`, `/sys/kernel/config/tsm/report` |
//!
//! [`EvidenceSource::collect`] takes 64 bytes from whoever will verify, usually a hash over its nonce and a fresh public
//! key, and gives [`Evidence`] that holds just these.
//!
//! # What it does not protect
//!
//! Nothing is verified here but that the evidence answers this question: signatures, measurements and security versions are
//! the verifier's matter. A genuine quote says which code runs, not whose machine it is.

mod error;
mod gramine;
mod source;
mod tsm;

pub use error::EvidenceError;
pub use source::{Evidence, EvidenceKind, EvidenceSource, REPORT_DATA_LENGTH};
