//! Private parsers for the fuzz targets. Parsed values encode to the same bytes.

use std::path::Path;

use ovseal::symmetric::SALT_LENGTH;

use super::anchor::AnchorRecord;
use super::device::Device;
use super::stanza::{CombinedParameters, Tpm2Parameters};

/// Parses the parameters of a stanza for a TPM, including the blob that the TPM imports.
pub fn stanza(bytes: &[u8]) {
    if let Some(parameters) = Tpm2Parameters::parse(bytes) {
        assert_eq!(parameters.encode(bytes[..SALT_LENGTH].to_vec()), bytes);
    }
}

/// Parses the parameters of a stanza for a TPM and a passphrase.
pub fn combined_stanza(bytes: &[u8]) {
    if let Some(parameters) = CombinedParameters::parse(bytes) {
        assert_eq!(parameters.encode(), bytes);
    }
}

/// Parses a device's file.
pub fn device(bytes: &[u8]) {
    let _ = Device::parse(bytes, Path::new("directory"));
}

/// Parses a rollback state's record of its counter and key.
pub fn anchor_record(bytes: &[u8]) {
    if let Some(record) = AnchorRecord::parse(bytes) {
        assert_eq!(record.encode(), bytes);
    }
}
