//! Evidence (RFC 9334) of the trusted environment of this process: quotes and reports that the
//! processor signs.
//!
//! | environment | interface |
//! |---|---|
//! | an SGX enclave under Gramine | `/dev/attestation/user_report_data`, `/dev/attestation/quote` |
//! | a confidential virtual machine: Intel TDX, AMD SEV-SNP | the kernel's `configfs-tsm`, `/sys/kernel/config/tsm/report` |
//!
//! [`EvidenceSource::collect`] takes 64 bytes from the verifier, usually a hash of its nonce and a
//! fresh public key. It returns [`Evidence`] that contains exactly these bytes.
//!
//! # What it does not protect
//!
//! This module only checks that the evidence answers this request. The verifier must check
//! signatures, measurements and security versions. A genuine quote identifies the code that runs,
//! not the owner of the machine.

mod error;
mod gramine;
mod report;
mod source;
mod tsm;

pub use error::EvidenceError;
pub use report::{Evidence, EvidenceKind, REPORT_DATA_LENGTH};
pub use source::EvidenceSource;
