//! Gramine's pseudo-files: write the data, then read the quote.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::EvidenceError;
use super::source::{Evidence, EvidenceKind, LENGTH_LIMIT, REPORT_DATA_LENGTH};

/// The file for the verifier's data, of which an enclave has one.
pub(super) const REPORT_DATA: &str = "user_report_data";
const QUOTE: &str = "quote";

/// Gramine does not keep requests apart; within this process this does.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub(super) fn collect(
    root: &Path,
    report_data: &[u8; REPORT_DATA_LENGTH],
) -> Result<Evidence, EvidenceError> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (data, quote) = (root.join(REPORT_DATA), root.join(QUOTE));
    let written = OpenOptions::new().write(true).open(&data).and_then(|mut file| file.write_all(report_data));
    written.map_err(|error| missing(&data, error))?;
    let mut bytes = Vec::new();
    // Without remote attestation in the manifest there is no such file.
    let file = File::open(&quote).map_err(|error| missing(&quote, error))?;
    file.take(LENGTH_LIMIT).read_to_end(&mut bytes).map_err(EvidenceError::file(&quote))?;
    Ok(Evidence { kind: EvidenceKind::SgxQuote, bytes, auxiliary: Vec::new() })
}

fn missing(path: &Path, error: std::io::Error) -> EvidenceError {
    if error.kind() == ErrorKind::NotFound {
        return EvidenceError::NoProvider { path: path.to_owned() };
    }
    EvidenceError::file(path)(error)
}
