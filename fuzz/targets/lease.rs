//! Parses messages of the licence protocol; the first byte selects which.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use ovseal::PublisherKey;
use ovseal::share::LicenseParameters;
use ovseal_lease::{
    ActivationKey, ChallengeRequest, EnrolChallenge, EnrolFinish, EnrolRequest, EnrolStart, Lease,
    LeaseAnswer, LeaseFile, LeaseRequest, Message, Problem, Receipt, RequestFile, ReturnAnswer,
    ReturnRequest, Revocations, ServiceFile, Signed,
};

static PUBLISHER: OnceLock<PublisherKey> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    match choice % 16 {
        0 => same(bytes, LeaseRequest::parse(bytes).map(|parsed| parsed.encode()).ok()),
        1 => same(bytes, ReturnRequest::parse(bytes).map(|parsed| parsed.encode()).ok()),
        2 => same(bytes, EnrolRequest::parse(bytes).map(|parsed| parsed.encode()).ok()),
        3 => same(bytes, Message::parse(bytes).map(|parsed| parsed.encode()).ok()),
        4 => same(bytes, ChallengeRequest::parse(bytes).map(|parsed| parsed.encode()).ok()),
        5 => same(bytes, LeaseAnswer::parse(bytes).map(|parsed| parsed.encode()).ok()),
        6 => same(bytes, EnrolFinish::parse(bytes).map(|parsed| parsed.encode()).ok()),
        7 => same(bytes, Problem::parse(bytes).map(|parsed| parsed.encode()).ok()),
        8 => same(bytes, LicenseParameters::parse(bytes).map(|parsed| parsed.encode())),
        9 => signed(bytes),
        10 => same(bytes, EnrolStart::parse(bytes).map(|parsed| parsed.encode()).ok()),
        11 => same(bytes, EnrolChallenge::parse(bytes).map(|parsed| parsed.encode()).ok()),
        12 => same(bytes, ReturnAnswer::parse(bytes).map(|parsed| parsed.encode()).ok()),
        13 => same(bytes, RequestFile::parse(bytes).map(|parsed| parsed.encode()).ok()),
        14 => same(bytes, LeaseFile::parse(bytes).map(|parsed| parsed.encode()).ok()),
        _ => drop(std::str::from_utf8(bytes).map(ActivationKey::parse)),
    }
});

/// Checks that a message that was parsed encodes to the same bytes.
fn same(bytes: &[u8], encoded: Option<Vec<u8>>) {
    if let Some(encoded) = encoded {
        assert_eq!(encoded, bytes);
    }
}

/// Parses signed objects. In builds for fuzzing, every signature passes.
fn signed(bytes: &[u8]) {
    let _ = Signed::<Lease>::verify(bytes, &[]);
    let _ = Signed::<Revocations>::verify(bytes, &[]);
    let _ = Signed::<Receipt>::verify(bytes, &[]);
    let publisher = PUBLISHER.get_or_init(|| PublisherKey::generate().expect("there are random bytes"));
    let _ = ServiceFile::read(bytes, publisher.publisher());
}
