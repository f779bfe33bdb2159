//! Hardening changes the whole process, so this test has its own process.

use ovseal_memory::{Missing, harden_process, protections};

#[test]
fn a_hardened_process_is_not_dumpable_and_writes_no_core() {
    assert!(protections().missing().contains(&Missing::DumpsOff));
    let hardening = harden_process();
    assert!(hardening.not_dumpable && hardening.no_core_files);
    let protections = protections();
    // One byte rather than none: the kernel then pipes no dump to a crash handler either.
    let limit = protections.core_limit;
    assert!(!protections.dumpable && matches!(limit, Some(0 | 1)), "{limit:?}");
    assert!(!protections.missing().contains(&Missing::DumpsOff));
}
