//! Every message has one encoding: whatever parses, encodes to the same bytes.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use ovseal_format::share::{Kem, KemPrivateKey, KemPublicKey, LicenseParameters, ProductId};
use ovseal_lease::{
    ChallengeAnswer, ChallengeRequest, Context, DeviceId, EnrolChallenge, EnrolFinish, EnrolRequest,
    EnrolStart, Header, Item, Kept, LeaseAnswer, LeaseFile, LeaseRequest, LicenceId, Message, Number,
    Problem, Proof, RequestFile, RequestId, ReturnAnswer, ReturnRequest, ServiceId, Software, Time,
};
use ovseal_memory::Secret;
use proptest::prelude::*;

/// Parses `bytes` as every kind of message, and compares what parses.
fn check(bytes: &[u8]) {
    if let Ok(parsed) = LeaseRequest::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = ReturnRequest::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = EnrolRequest::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = Message::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = ChallengeRequest::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = LeaseAnswer::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = EnrolStart::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = EnrolChallenge::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = EnrolFinish::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = ChallengeAnswer::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = ReturnAnswer::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = RequestFile::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = LeaseFile::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = Problem::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
}

fn vectors() -> Vec<Vec<u8>> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors-lease");
    let files = directory.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let bytes = json.map(|path| {
        let record: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        base16ct::mixed::decode_vec(record["bytes"].as_str().unwrap()).unwrap()
    });
    bytes.filter(|bytes| bytes.len() < 8192).collect()
}

#[test]
fn every_changed_byte_of_every_vector_is_rejected_or_parses_to_the_same_bytes() {
    for mut bytes in vectors().into_iter().filter(|bytes| bytes.len() < 2048) {
        for at in 0..bytes.len() {
            for mask in [1, 0x20, 0x80] {
                bytes[at] ^= mask;
                check(&bytes);
                bytes[at] ^= mask;
            }
        }
    }
}

fn product() -> impl Strategy<Value = ProductId> {
    any::<[u8; 16]>().prop_map(ProductId::from_bytes)
}

fn item() -> impl Strategy<Value = Item> {
    (product(), any::<[u8; 32]>(), any::<[u8; 32]>(), 0..4u8).prop_map(|(product, context, salt, level)| {
        let parameters =
            LicenseParameters::seal(salt, product, level, &[key()], &[Secret::zeroed()], &context);
        Item { parameters: parameters.unwrap(), context: Context::from_bytes(context) }
    })
}

fn key() -> KemPublicKey {
    KemPrivateKey::parse(Kem::P256, Secret::from_fn(|bytes| bytes.fill(1))).unwrap().public_key()
}

fn header() -> impl Strategy<Value = Header> {
    let challenge =
        prop_oneof![any::<[u8; 32]>().prop_map(Vec::from), prop::collection::vec(any::<u8>(), 56)];
    let numbers = (0..1u64 << 48, 0..1u64 << 63, 0..1u64 << 63);
    (any::<[u8; 32]>(), any::<[u8; 16]>(), challenge, numbers, "[ -~]{0,64}").prop_map(
        |(device, id, challenge, (made, revocations, serial), software)| Header {
            service: ServiceId::from_bytes(device),
            device: DeviceId::from_bytes(device),
            id: RequestId::from_bytes(id),
            challenge,
            made: Time::from_millis(made).unwrap(),
            revocations: Number::new(revocations).unwrap(),
            serial: Number::new(serial).unwrap(),
            software: Software::new(&software).unwrap(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lease_requests_parse_to_themselves(
        header in header(),
        items in prop::collection::vec(item(), 1..4),
        licence in any::<[u8; 16]>(),
        previous in prop::option::of(prop::collection::vec(any::<u8>(), 1..4096)),
    ) {
        let request = LeaseRequest { header, licence: LicenceId::from_bytes(licence), items, previous };
        prop_assert_eq!(LeaseRequest::parse(&request.encode()), Ok(request));
    }

    #[test]
    fn return_requests_parse_to_themselves(
        header in header(),
        items in prop::collection::vec(item(), 1..3),
        lease in prop::collection::vec(any::<u8>(), 1..4096),
    ) {
        let kept = vec![Kept { lease: lease.clone(), items }];
        let request = ReturnRequest { header, licence: LicenceId::from_bytes([1; 16]), lease, kept };
        prop_assert_eq!(ReturnRequest::parse(&request.encode()), Ok(request));
    }

    #[test]
    fn messages_parse_to_themselves(
        request in prop::collection::vec(any::<u8>(), 1..300),
        proof in prop::collection::vec(any::<u8>(), 1..128),
        activation in prop::option::of(prop::collection::vec(any::<u8>(), 1..128)),
        of_tpm in any::<bool>(),
    ) {
        let proof = if of_tpm { Proof::Tpm { attestation: proof, signature: [7; 64] } } else { Proof::Software(proof) };
        let message = Message { request, proof, activation };
        prop_assert_eq!(Message::parse(&message.encode()), Ok(message));
    }

    #[test]
    fn answers_parse_to_themselves(
        lease in prop::collection::vec(any::<u8>(), 0..300),
        shares in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 1..100), 1..3), 1..16),
        revocations in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
    ) {
        let answer = LeaseAnswer { lease, shares, revocations };
        prop_assert_eq!(LeaseAnswer::parse(&answer.encode()), Ok(answer));
    }

    #[test]
    fn spliced_vectors_are_rejected_or_parse_to_the_same_bytes(first in any::<prop::sample::Index>(), second in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
        let vectors = vectors();
        let (first, second) = (first.get(&vectors), second.get(&vectors));
        let at = cut.index(first.len().min(second.len()).max(1));
        check(&[&first[..at.min(first.len())], &second[at.min(second.len())..]].concat());
    }
}
