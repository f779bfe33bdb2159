//! The TPM.

use ovseal_hardware::tpm2::TpmStatus;
use serde_json::Value;

use super::{DoctorArgs, Finding};
use crate::keys::tpm;

pub(super) fn findings(args: &DoctorArgs) -> Vec<Finding> {
    let status = tpm::tpm(&args.device).and_then(|tpm| Ok(tpm.status()?));
    let enrolled = tpm::is_enrolled(&args.device);
    let mut findings = match status {
        Ok(status) => described(&status),
        Err(error) => {
            let reason = error.chain();
            vec![
                Finding::new("found", false, "TPM: none usable"),
                Finding::new("reason", reason.clone(), format!("reason: {reason}")),
            ]
        }
    };
    let answer = if enrolled { "yes" } else { "no, enroll it with ovseal device enroll" };
    findings.push(Finding::new("enrolled", enrolled, format!("device enrolled: {answer}")));
    findings
}

fn described(status: &TpmStatus) -> Vec<Finding> {
    let (maker, model) = (status.maker.trim(), &status.model);
    let firmware = format!("{:016x}", status.firmware);
    let lockout = if status.is_locked { "LOCKED, " } else { "not locked, " };
    let (failures, limit, seconds) = (status.failures, status.failures_limit, status.recovery_seconds);
    let counted = format!("{failures} of {limit} failures counted, one is forgotten every {seconds} s");
    let banks = status.pcr_banks.join(", ");
    let sha256 = status.pcr_banks.iter().any(|bank| bank == "sha256");
    let lacking = if sha256 { "" } else { "; sha256 is missing, so nothing can be bound to PCRs" };
    vec![
        Finding::new("found", true, format!("TPM 2.0: {maker} {model}")),
        Finding::new("maker", maker, format!("maker: {maker}")),
        Finding::new("firmware", firmware.clone(), format!("firmware: {firmware}")),
        Finding::new("is_locked", status.is_locked, format!("lockout: {lockout}{counted}")),
        Finding::new("failures", failures, format!("failures: {failures}")),
        Finding::new(
            "pcr_banks",
            Value::from(status.pcr_banks.clone()),
            format!("PCR banks: {banks}{lacking}"),
        ),
        Finding::new("clock_ms", status.clock, format!("clock: {} ms", status.clock)),
    ]
}
