//! Gramine's pseudo-files: write the data, then read the quote.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Mutex;

use super::EvidenceError;
use super::report::{Evidence, EvidenceKind, LENGTH_LIMIT, REPORT_DATA_LENGTH};
use crate::lock::lock;

/// The one file of an enclave for the verifier's data.
pub(super) const REPORT_DATA: &str = "user_report_data";
const QUOTE: &str = "quote";

/// Serializes the requests of this process, because Gramine does not separate them.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub(super) fn collect(
    root: &Path,
    report_data: &[u8; REPORT_DATA_LENGTH],
) -> Result<Evidence, EvidenceError> {
    let _turn = lock(&ONE_AT_A_TIME);
    let (data, quote) = (root.join(REPORT_DATA), root.join(QUOTE));
    let written = OpenOptions::new().write(true).open(&data).and_then(|mut file| file.write_all(report_data));
    written.map_err(|error| missing(&data, error))?;
    let mut bytes = Vec::new();
    // The file does not exist if the manifest does not enable remote attestation.
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
