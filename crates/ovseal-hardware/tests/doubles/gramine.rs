//! A double of Gramine's `/dev/attestation`, after libos/src/fs/dev/attestation.c.
//!
//! The double has one place for the verifier's data, and creates quotes when they are read.

use std::collections::BTreeMap;
use std::sync::Mutex;

use fuser::Errno;

use super::attribute_files::{Files, Kind};

/// Length of SGX's report data.
const REPORT_DATA: usize = 64;
/// Size of Gramine's buffer. Gramine pads shorter data with zeros and cuts off longer data.
const BUFFER: usize = 256;

/// Creates a quote with these bytes in it.
pub(crate) type Quote = Box<dyn Fn(&[u8; REPORT_DATA]) -> Result<Vec<u8>, Errno> + Send + Sync>;

pub(crate) struct Gramine {
    data: Mutex<[u8; REPORT_DATA]>,
    /// `None` if the manifest has `sgx.remote_attestation = "none"`.
    quote: Option<Quote>,
    keys: BTreeMap<&'static str, Vec<u8>>,
}

impl Gramine {
    pub(crate) fn new(quote: Option<Quote>, keys: &[(&'static str, &[u8])]) -> Self {
        let keys = keys.iter().map(|(name, key)| (*name, key.to_vec())).collect();
        Self { data: Mutex::new([0; REPORT_DATA]), quote, keys }
    }
}

impl Files for Gramine {
    fn kind(&self, path: &str) -> Option<Kind> {
        match path {
            "" | "keys" => Some(Kind::Directory),
            "user_report_data" => Some(Kind::File(0o600, BUFFER)),
            "quote" => self.quote.is_some().then_some(Kind::File(0o400, 0)),
            path => self.keys.contains_key(path.strip_prefix("keys/")?).then_some(Kind::File(0o600, 16)),
        }
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let data = *self.data.lock().unwrap();
        match path {
            "user_report_data" => Ok(data.to_vec()),
            "quote" => self.quote.as_ref().ok_or(Errno::ENOENT)?(&data),
            path => {
                path.strip_prefix("keys/").and_then(|name| self.keys.get(name)).cloned().ok_or(Errno::ENOENT)
            }
        }
    }

    fn written(&self, path: &str, data: &[u8]) {
        if path == "user_report_data" {
            let mut padded = [0; REPORT_DATA];
            let length = data.len().min(REPORT_DATA);
            padded[..length].copy_from_slice(&data[..length]);
            *self.data.lock().unwrap() = padded;
        }
    }
}
