//! Results computed from a container are sealed under a key derived from both container and device.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use ovseal::{
    CacheKey, DeviceSecret, Model, ModelName, OpenError, OpenOptions, Opened, PartPath, PublisherKey,
    RekeyOptions, SealOptions, Trust,
};
use ovseal_testkit::{Fixture, pattern};

const FIELDS: [(&str, &[u8]); 1] = [("device", b"CPU")];

fn device(fixture: &Fixture, name: &str) -> DeviceSecret {
    DeviceSecret::obtain(&fixture.folder().join(name)).unwrap()
}

fn seal(key: &CacheKey, result: Vec<u8>, path: &Path) {
    let model = Model::in_memory(PartPath::parse("compiled").unwrap(), Arc::new(result));
    let name = ModelName::parse("compiled").unwrap();
    SealOptions::new(name).recipient(key).private(true).replace(true).seal(&model, path).unwrap();
}

fn open(key: &CacheKey, path: &Path) -> Result<Opened, OpenError> {
    OpenOptions::new(Trust::AnySender).open(path, &[key])
}

#[test]
fn a_cached_result_opens_only_for_its_container_and_device() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    fixture.seal(fixture.options());
    let (opened, entry, result) = (fixture.open().unwrap(), fixture.folder().join("entry"), pattern(700_000));
    let key = opened.cache_key(&device(&fixture, "device"), &FIELDS);
    seal(&key, result.clone(), &entry);
    assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(&*open(&key, &entry).unwrap().part("compiled").unwrap().read().unwrap(), &result[..]);
    let again = fixture.open().unwrap().cache_key(&device(&fixture, "device"), &FIELDS);
    assert_eq!(again.lookup_id(), key.lookup_id());
    open(&again, &entry).unwrap();

    let others = [
        opened.cache_key(&device(&fixture, "other-device"), &FIELDS),
        opened.cache_key(&device(&fixture, "device"), &[("device", b"GPU")]),
        {
            fixture.seal(fixture.options());
            fixture.open().unwrap().cache_key(&device(&fixture, "device"), &FIELDS)
        },
    ];
    for other in others {
        assert_ne!(other.lookup_id(), key.lookup_id());
        assert!(matches!(open(&other, &entry), Err(OpenError::NoKeyFits { .. })));
    }
}

#[test]
fn rekeying_does_not_change_the_key() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    fixture.seal(fixture.options());
    let id = || fixture.open().unwrap().cache_key(&device(&fixture, "device"), &FIELDS).lookup_id();
    let before = id();
    let second = ovseal::KeyFile::generate().unwrap();
    RekeyOptions::new().add_recipient(&second).rekey(&fixture.container(), &[&fixture.key]).unwrap();
    assert_eq!(id(), before);
}

/// Another recipient can forge a chunk that opens where digests are not compared.
///
/// A caller that specifies the publisher must not find a result computed from such a chunk.
#[test]
fn results_computed_without_a_named_publisher_have_another_key() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let publisher = PublisherKey::generate().unwrap();
    fixture.seal(fixture.options().publisher(&publisher));
    let key = |trust| {
        let opened = OpenOptions::new(trust).open(&fixture.container(), &[&fixture.key]).unwrap();
        opened.cache_key(&device(&fixture, "device"), &FIELDS).lookup_id()
    };
    let named = || Trust::Publishers(vec![publisher.publisher().clone()]);
    assert_eq!(key(named()), key(named()));
    assert_ne!(key(named()), key(Trust::AnySender));
}
