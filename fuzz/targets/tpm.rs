//! Parses untrusted input to devices with a TPM. The first byte selects the parser.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovseal_hardware::tpm2::{Approval, Approver, ApproverKey, DeviceRecipient, PcrDemand, fuzzing};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    match choice % 7 {
        0 => fuzzing::stanza(bytes),
        1 => fuzzing::combined_stanza(bytes),
        2 => fuzzing::device(bytes),
        3 => fuzzing::anchor_record(bytes),
        choice => text(choice, bytes),
    }
});

fn text(choice: u8, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match choice {
        4 => {
            if let Ok(recipient) = DeviceRecipient::parse(text) {
                assert!(recipient.to_string().eq_ignore_ascii_case(text));
            }
        }
        5 => {
            if let Ok(approval) = Approval::parse(text) {
                assert_eq!(approval.encode(), text);
            }
        }
        _ => {
            let _ = (PcrDemand::parse(text), ApproverKey::parse(text));
            if let Ok(approver) = Approver::parse(text) {
                assert_eq!(Approver::parse(&approver.encode()), Ok(approver));
            }
        }
    }
}
