//! Sealed parts can be opened and read again, for all lengths, suites, keys and libraries.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::num::NonZeroUsize;

use ovseal::{
    AeadProvider, Argon2Cost, ChunkSize, Identity, KeyFile, Model, ModelName, ModelOptions, OpenError,
    OpenOptions, Passphrase, PublicKeyIdentity, Recipient, SealOptions, Suite, Trust,
};
use ovseal_testkit::{Fixture, pattern};
use proptest::prelude::*;

const CHUNK: usize = 65_536;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn parts_of_any_length_round_trip(
        lengths in prop::collection::vec(lengths(), 1..5),
        suite in prop::sample::select(vec![Suite::Blake3, Suite::Sha256]),
        threads in 1usize..4,
    ) {
        let fixture = Fixture::new(&[]);
        let contents: Vec<Vec<u8>> = lengths.iter().map(|&length| pattern(length)).collect();
        contents.iter().enumerate().for_each(|(i, content)| fixture.write(&format!("d/{i}.bin"), content));
        let threads = NonZeroUsize::new(threads).unwrap();
        let size = ChunkSize::from_log2(16).unwrap();
        fixture.seal(fixture.options().suite(suite).threads(threads).chunk_size(size));
        let options = OpenOptions::new(Trust::AnySender).threads(threads);
        let opened = options.open(&fixture.container(), &[&fixture.key]).unwrap();
        for (i, content) in contents.iter().enumerate() {
            prop_assert_eq!(&*opened.part(&format!("d/{i}.bin")).unwrap().read().unwrap(), &content[..]);
        }
    }

    #[test]
    fn any_range_of_a_part_can_be_read(start in 0usize..4 * CHUNK, length in 0usize..4 * CHUNK) {
        let content = pattern(3 * CHUNK + 17);
        let fixture = Fixture::new(&[("w.bin", &content)]);
        fixture.seal(fixture.options().chunk_size(ChunkSize::from_log2(16).unwrap()));
        let opened = fixture.open().unwrap();
        let mut buffer = vec![0xee; length];
        let result = opened.part("w.bin").unwrap().read_range(start as u64, &mut buffer);
        match content.get(start..start + length) {
            Some(expected) => { result.unwrap(); prop_assert_eq!(buffer, expected) }
            None => {
                let rejected = matches!(result, Err(OpenError::OutOfRange { .. }));
                prop_assert!(rejected && buffer == vec![0xee; length]);
            }
        }
    }
}

/// Various lengths, including those around the boundaries of chunks and pages.
fn lengths() -> impl Strategy<Value = usize> {
    let borders = vec![0, 1, 4095, 4096, 4097, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 3];
    prop_oneof![prop::sample::select(borders), 0usize..3 * CHUNK]
}

#[test]
fn each_library_opens_what_the_other_sealed() {
    let content = pattern(3 * CHUNK + 5);
    for (sealing, opening) in
        [(AeadProvider::Ring, AeadProvider::AwsLc), (AeadProvider::AwsLc, AeadProvider::Ring)]
    {
        let fixture = Fixture::new(&[("w.bin", &content)]);
        fixture.seal(fixture.options().provider(sealing));
        let options = OpenOptions::new(Trust::AnySender).provider(opening);
        let opened = options.open(&fixture.container(), &[&fixture.key]).unwrap();
        assert_eq!(*opened.part("w.bin").unwrap().read().unwrap(), content[..]);
    }
}

/// A recipient, its identity, and another identity of the same kind.
type Keys = (Box<dyn Recipient>, Box<dyn Identity>, Box<dyn Identity>);

#[test]
fn every_kind_of_key_opens_and_another_of_its_kind_does_not() {
    let passphrase = |text: &str| {
        Passphrase::from_bytes(text.as_bytes()).unwrap().with_cost(Argon2Cost::new(64, 1, 1).unwrap())
    };
    let x25519 = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let keys: [Keys; 4] = [
        (Box::new(passphrase("right")), Box::new(passphrase("right")), Box::new(passphrase("wrong"))),
        {
            let key = KeyFile::generate().unwrap();
            let same = KeyFile::from_bytes(&*key.expose()).unwrap();
            (Box::new(same), Box::new(key), Box::new(KeyFile::generate().unwrap()))
        },
        {
            let identity = PublicKeyIdentity::generate().unwrap();
            let other = PublicKeyIdentity::generate().unwrap();
            (Box::new(identity.recipient()), Box::new(identity), Box::new(other))
        },
        {
            let identity = PublicKeyIdentity::parse(x25519).unwrap();
            let other = PublicKeyIdentity::generate().unwrap();
            (Box::new(identity.recipient()), Box::new(identity), Box::new(other))
        },
    ];
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    for (recipient, right, wrong) in keys {
        let options = SealOptions::new(ModelName::parse("m").unwrap()).recipient(recipient.as_ref());
        let container = fixture.seal(options);
        let open = |key: &dyn Identity| OpenOptions::new(Trust::AnySender).open(&container, &[key]);
        assert_eq!(*open(right.as_ref()).unwrap().part("w.bin").unwrap().read().unwrap(), *b"weights");
        assert!(matches!(open(wrong.as_ref()), Err(OpenError::NoKeyFits { .. })), "{}", right.stanza_type());
    }
}

#[test]
fn a_model_with_its_companions_keeps_their_kinds() {
    let fixture = Fixture::new(&[("net.xml", b"<net/>"), ("net.bin", b"weights"), ("other.txt", b"text")]);
    let model = Model::find(&fixture.model_path().join("net.xml"), ModelOptions::default()).unwrap();
    let found: Vec<_> = model.parts().map(|part| (part.path.as_str(), part.companions.clone())).collect();
    assert_eq!(found, [("net.xml", vec![1]), ("net.bin", vec![])]);
    assert_eq!(model.default_name().unwrap().as_str(), "net");
    fixture.options().seal(&model, &fixture.container()).unwrap();
    let opened = fixture.open().unwrap();
    let topology = opened.part("net.xml").unwrap();
    assert_eq!(*topology.companions().next().unwrap().read().unwrap(), *b"weights");
}

#[test]
fn a_part_outlives_its_container_and_serves_many_threads() {
    let content = pattern(5 * CHUNK);
    let fixture = Fixture::new(&[("w.bin", &content)]);
    fixture.seal(fixture.options().chunk_size(ChunkSize::from_log2(16).unwrap()));
    let part = fixture.open().unwrap().part("w.bin").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8usize {
            let (part, content) = (&part, &content);
            scope.spawn(move || {
                for round in 0..20 {
                    let start = (thread * 37_111 + round * 9_973) % (4 * CHUNK);
                    let mut buffer = vec![0; 1 + (round * 7_919) % CHUNK];
                    part.read_range(start as u64, &mut buffer).unwrap();
                    assert_eq!(buffer, content[start..start + buffer.len()]);
                }
            });
        }
    });
}
