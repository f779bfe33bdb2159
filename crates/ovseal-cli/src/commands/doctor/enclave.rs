//! Intel SGX and confidential virtual machines.

use std::path::Path;

use ovseal_hardware::evidence::EvidenceSource;
use ovseal_hardware::sgx::{EnclaveKey, GRAMINE, SealingPolicy};

use super::{DoctorArgs, Finding};

/// The driver of Linux 5.11 and later.
const DRIVER: &str = "/dev/sgx_enclave";

pub(super) fn findings(_: &DoctorArgs) -> Vec<Finding> {
    vec![driver(), inside(), evidence()]
}

fn driver() -> Finding {
    let is_there = Path::new(DRIVER).exists();
    let text = if is_there { "SGX: yes, this host can run enclaves" } else { "SGX: no" };
    Finding::new("sgx", is_there, text)
}

fn inside() -> Finding {
    let is_inside = EnclaveKey::read(GRAMINE.as_ref(), SealingPolicy::Enclave).is_ok();
    let text = if is_inside { "enclave: yes, this runs in one under Gramine" } else { "enclave: no" };
    Finding::new("enclave", is_inside, text)
}

fn evidence() -> Finding {
    let interface = match EvidenceSource::detect() {
        Some(EvidenceSource::Gramine(_)) => Some("Gramine"),
        Some(EvidenceSource::Tsm(_)) => Some("configfs-tsm"),
        None => None,
    };
    Finding::new("evidence", interface, format!("evidence: {}", interface.unwrap_or("no interface for it")))
}
