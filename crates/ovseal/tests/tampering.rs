//! Modified, truncated or spliced containers are always detected.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;

use ovseal::{
    ChunkSize, ErrorKind, KeyFile, OpenError, OpenOptions, Publisher, PublisherKey, Section, Trust,
};
use ovseal_testkit::{FailingSource, Fixture, pattern};

const CHUNK: usize = 65_536;
const REGION: usize = 65_536;
const PAYLOAD: usize = 4096 + REGION;

fn sealed(key: &PublisherKey) -> (Fixture, Vec<u8>) {
    let fixture = Fixture::new(&[("a.bin", b"alpha"), ("b.bin", &pattern(2 * CHUNK + 9)), ("empty", b"")]);
    let size = ChunkSize::from_log2(16).unwrap();
    let container = fixture.seal(fixture.options().publisher(key).chunk_size(size));
    let bytes = std::fs::read(container).unwrap();
    (fixture, bytes)
}

fn open_all(bytes: Vec<u8>, trust: Trust, key: &KeyFile) -> Result<(), OpenError> {
    let opened = OpenOptions::new(trust).open_source(Arc::new(bytes), &[key])?;
    opened.parts().try_for_each(|part| part.read().map(drop))
}

fn named(key: &PublisherKey) -> Trust {
    Trust::Publishers(vec![key.publisher().clone()])
}

#[test]
fn every_flipped_byte_is_found_with_and_without_a_publisher() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, good) = sealed(&key);
    for trust in [Trust::AnySender, named(&key)] {
        open_all(good.clone(), trust.clone(), &fixture.key).unwrap();
        // About one in a hundred bytes of the payload and its padding, and every byte of the rest.
        let payload = PAYLOAD..PAYLOAD + 4096 + 3 * CHUNK;
        for position in (0..good.len()).filter(|at| !payload.contains(at) || at % 101 == 0) {
            let mut bytes = good.clone();
            bytes[position] ^= 0x10;
            let error = open_all(bytes, trust.clone(), &fixture.key).expect_err(&format!("byte {position}"));
            assert!(is_expected(error.kind(), position, &trust), "byte {position}: {error}");
        }
    }
}

/// Returns true if a changed byte at this position may cause this failure.
///
/// Version, suite and flags are checked first. A changed key id identifies a different publisher.
fn is_expected(kind: ErrorKind, position: usize, trust: &Trust) -> bool {
    match kind {
        ErrorKind::Unsupported => position < 16,
        ErrorKind::NotAuthentic => position >= 16,
        ErrorKind::Denied => position > PAYLOAD && matches!(trust, Trust::Publishers(_)),
        _ => false,
    }
}

#[test]
fn every_flipped_byte_is_found_without_a_key() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, good) = sealed(&key);
    let path = fixture.folder().join("changed.ovseal");
    let verify = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        OpenOptions::new(named(&key)).verify(&path)
    };
    verify(&good).unwrap();
    for position in (0..good.len()).step_by(977).chain(good.len() - 4600..good.len()) {
        let mut bytes = good.clone();
        bytes[position] ^= 0x01;
        let error = verify(&bytes).expect_err(&format!("byte {position}"));
        assert!(is_expected(error.kind(), position, &named(&key)), "byte {position}: {error}");
    }
}

#[test]
fn every_truncation_is_found() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, good) = sealed(&key);
    let near_a_boundary =
        |at: &usize| *at < 64 || at % 4096 < 2 || good.len() - at < 400 || at.is_multiple_of(997);
    for length in (0..good.len()).filter(near_a_boundary) {
        let error = open_all(good[..length].to_vec(), Trust::AnySender, &fixture.key).unwrap_err();
        let expected = if length < 8 {
            matches!(error, OpenError::NotAContainer)
        } else {
            matches!(error, OpenError::Truncated)
        };
        assert!(expected, "cut at {length}: {error}");
    }
}

#[test]
fn trailing_bytes_are_found() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, good) = sealed(&key);
    for extra in [1, 4096] {
        let bytes = [&good[..], &vec![0; extra]].concat();
        assert!(matches!(open_all(bytes, Trust::AnySender, &fixture.key), Err(OpenError::Truncated)));
    }
}

#[test]
fn swapped_and_repeated_chunks_are_found_by_their_number() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, good) = sealed(&key);
    let first = PAYLOAD + 4096;
    for (repeat, expected) in [(false, 0), (true, 1)] {
        let mut bytes = good.clone();
        let chunk = bytes[first..first + CHUNK].to_vec();
        if !repeat {
            bytes.copy_within(first + CHUNK..first + 2 * CHUNK, first);
        }
        bytes[first + CHUNK..first + 2 * CHUNK].copy_from_slice(&chunk);
        let opened =
            OpenOptions::new(Trust::AnySender).open_source(Arc::new(bytes), &[&fixture.key]).unwrap();
        let mut buffer = vec![7; 2 * CHUNK + 9];
        let error = opened.part("b.bin").unwrap().read_into(&mut buffer).unwrap_err();
        assert!(
            matches!(&error, OpenError::Chunk { part, index } if part == "b.bin" && *index >= expected),
            "{error}"
        );
        assert!(buffer.iter().all(|&byte| byte == 0), "plaintext was released");
    }
}

#[test]
fn the_trailer_of_another_sealing_of_the_same_model_is_rejected() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, first) = sealed(&key);
    let second = std::fs::read(
        fixture.seal(fixture.options().publisher(&key).chunk_size(ChunkSize::from_log2(16).unwrap())),
    )
    .unwrap();
    assert_eq!(first.len(), second.len());
    let trailer = PAYLOAD + 4096 + (2 * CHUNK + 4096);
    let mixed = [&first[..trailer], &second[trailer..]].concat();
    let error = open_all(mixed, named(&key), &fixture.key).unwrap_err();
    assert!(matches!(error, OpenError::NotAuthentic(Section::Prologue)), "{error}");
}

#[test]
fn another_recipient_cannot_forge_where_a_publisher_is_named() {
    // A recipient knows the data key, but cannot sign as the publisher.
    let (publisher, attacker) = (PublisherKey::generate().unwrap(), PublisherKey::generate().unwrap());
    let (fixture, _) = sealed(&publisher);
    fixture.write("a.bin", b"omega");
    for options in [fixture.options(), fixture.options().publisher(&attacker)] {
        let forged = std::fs::read(fixture.seal(options)).unwrap();
        open_all(forged.clone(), Trust::AnySender, &fixture.key).unwrap();
        let error = open_all(forged, named(&publisher), &fixture.key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
}

#[test]
fn every_read_error_is_reported_and_releases_nothing() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, good) = sealed(&key);
    for reads in 0..30 {
        let source = FailingSource::new(good.clone(), reads, std::io::ErrorKind::PermissionDenied);
        let result = OpenOptions::new(named(&key))
            .open_source(Arc::new(source), &[&fixture.key])
            .and_then(|opened| opened.parts().try_for_each(|part| part.read().map(drop)));
        match result {
            Ok(()) => return assert!(reads > 10),
            Err(error) => assert!(matches!(error, OpenError::Read { .. }), "after {reads} reads: {error}"),
        }
    }
    panic!("opening and reading needs more than 30 reads");
}

#[test]
fn a_container_that_shrinks_while_it_is_read_is_truncated() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, _) = sealed(&key);
    let opened = fixture.open().unwrap();
    truncate(&fixture.container(), PAYLOAD as u64 + 4096 + CHUNK as u64);
    let mut buffer = vec![7; 2 * CHUNK + 9];
    let error = opened.part("b.bin").unwrap().read_into(&mut buffer).unwrap_err();
    assert!(matches!(error, OpenError::Truncated), "{error}");
    assert!(buffer.iter().all(|&byte| byte == 0), "plaintext was released");
}

#[test]
fn a_container_of_another_model_of_the_same_publisher_is_denied() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, _) = sealed(&key);
    let name = ovseal::ModelName::parse("other").unwrap();
    let error =
        OpenOptions::new(named(&key)).name(name).open(&fixture.container(), &[&fixture.key]).unwrap_err();
    assert!(matches!(error, OpenError::WrongName { .. }) && error.kind() == ErrorKind::Denied);
}

#[test]
fn an_unknown_publisher_is_denied_before_any_key_is_tried() {
    let key = PublisherKey::generate().unwrap();
    let (fixture, _) = sealed(&key);
    let stranger: Publisher = PublisherKey::generate().unwrap().publisher().clone();
    let options = OpenOptions::new(Trust::Publishers(vec![stranger]));
    let error = options.open(&fixture.container(), &[]).unwrap_err();
    assert!(matches!(error, OpenError::Untrusted));
}

fn truncate(path: &Path, length: u64) {
    std::fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}
