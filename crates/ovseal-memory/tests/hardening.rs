//! Hardening changes the whole process, so this test has its own process.

use ovseal_memory::{Missing, harden_process, protections};

#[test]
fn a_hardened_process_is_not_dumpable_and_writes_no_core() {
    assert!(protections().missing().contains(&Missing::DumpsOff));
    let hardening = harden_process();
    assert!(hardening.not_dumpable && hardening.no_core_files);
    let protections = protections();
    assert_eq!((protections.dumpable, protections.core_limit), (false, Some(0)));
    assert!(!protections.missing().contains(&Missing::DumpsOff));
}
