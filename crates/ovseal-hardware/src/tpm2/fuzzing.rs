//! Parsers that are not public, for the fuzz targets. What parses encodes to the same bytes.

use std::path::Path;

use ovseal::symmetric::SALT_LENGTH;

use super::anchor::Place;
use super::device::Device;
use super::stanza::{CombinedParameters, Tpm2Parameters};

/// Parses the parameters of a stanza for a TPM, with the blob that the TPM imports in it.
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
    let _ = Device::parse(bytes, Path::new("folder"));
}

/// Parses what a rollback state says about its counter and key.
pub fn place(bytes: &[u8]) {
    if let Some(place) = Place::parse(bytes) {
        assert_eq!(place.encode(), bytes);
    }
}
