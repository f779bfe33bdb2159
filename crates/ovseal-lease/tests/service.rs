//! Which service file replaces which.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use ovseal_format::publisher::{Publisher, PublisherKey};
use ovseal_format::share::{Kem, KemPrivateKey};
use ovseal_lease::{
    AcceptError, Hash, Number, ServiceFile, ServiceFileError, ServiceId, SigningKey, VerifyingKey,
};
use ovseal_memory::Secret;

fn key(byte: u8) -> VerifyingKey {
    SigningKey::from_seed(&Secret::from_fn(|seed| seed.fill(byte))).verifying_key()
}

/// Returns an unsigned file of `publisher`'s service.
fn file(publisher: &Publisher, serial: u64) -> ServiceFile {
    ServiceFile {
        origin: publisher.id(),
        name: "licences".to_owned(),
        serial: Number::new(serial).unwrap(),
        addresses: vec!["https://licences.example".to_owned()],
        release_keys: vec![
            KemPrivateKey::parse(Kem::P256, Secret::from_fn(|bytes| bytes.fill(1))).unwrap().public_key(),
        ],
        lease_keys: vec![key(1), key(2)],
        pins: vec![Hash::from_bytes([1; 32])],
        audit_key: key(3),
        successor: None,
    }
}

struct Publishers {
    acme: PublisherKey,
    bravo: PublisherKey,
}

fn publishers() -> Publishers {
    Publishers { acme: PublisherKey::generate().unwrap(), bravo: PublisherKey::generate().unwrap() }
}

#[test]
fn a_signed_file_reads_as_it_was_written() {
    let Publishers { acme, bravo } = publishers();
    let mut written = file(acme.publisher(), 7);
    written.successor = Some(bravo.publisher().clone());
    let bytes = written.sign(&[&acme]).unwrap();
    assert_eq!(ServiceFile::read(&bytes, acme.publisher()), Ok(written));
    assert_eq!(ServiceFile::read(&bytes, bravo.publisher()), Err(ServiceFileError::Unsigned));
}

#[test]
fn only_a_higher_serial_replaces_a_file() {
    let Publishers { acme, bravo } = publishers();
    let stored = file(acme.publisher(), 7);
    let replaced = |file: &ServiceFile, key: &PublisherKey| {
        let found = stored.replaced_by(&file.sign(&[key]).unwrap(), acme.publisher());
        found.map(|found| found.map(|(file, publisher)| (file.serial.get(), publisher.id())))
    };
    let id = acme.publisher().id();
    assert_eq!(replaced(&file(acme.publisher(), 8), &acme), Ok(Some((8, id))));
    assert_eq!(replaced(&stored, &acme), Ok(None));
    assert_eq!(replaced(&file(acme.publisher(), 6), &acme), Err(AcceptError::Older));
    let other = ServiceFile { lease_keys: vec![key(9)], ..stored.clone() };
    assert_eq!(replaced(&other, &acme), Err(AcceptError::SameSerial(7)));
    let another = ServiceFile { name: "other".to_owned(), ..file(acme.publisher(), 8) };
    assert_eq!(replaced(&another, &acme), Err(AcceptError::Service));
    let unsigned = Err(AcceptError::File(ServiceFileError::Unsigned));
    assert_eq!(replaced(&file(acme.publisher(), 8), &bravo), unsigned);
}

#[test]
fn a_successor_signs_only_if_the_stored_file_names_it() {
    let Publishers { acme, bravo } = publishers();
    let named = ServiceFile { successor: Some(bravo.publisher().clone()), ..file(acme.publisher(), 7) };
    let next = file(acme.publisher(), 8);
    let pinned_after = |keys: &[&PublisherKey]| {
        let found = named.replaced_by(&next.sign(keys).unwrap(), acme.publisher()).unwrap();
        found.unwrap().1.id()
    };
    assert_eq!(pinned_after(&[&bravo]), bravo.publisher().id());
    assert_eq!(pinned_after(&[&acme, &bravo]), acme.publisher().id());
    // A publisher cannot take over the service of another one by naming it as the origin.
    let bytes = next.sign(&[&bravo]).unwrap();
    assert_eq!(ServiceFile::read(&bytes, bravo.publisher()), Err(ServiceFileError::Origin));
    let id = ServiceId::of(acme.publisher().id(), "licences");
    assert_eq!(ServiceFile::read_for(&bytes, bravo.publisher(), id).map(|file| file.id()), Ok(id));
}

#[test]
fn a_file_that_breaks_a_rule_is_not_valid() {
    let Publishers { acme, .. } = publishers();
    let good = file(acme.publisher(), 7);
    assert!(good.is_valid());
    assert!(!ServiceFile { lease_keys: vec![key(1); 2], ..good.clone() }.is_valid());
    assert!(!ServiceFile { audit_key: key(1), ..good.clone() }.is_valid());
    assert!(!ServiceFile { addresses: vec!["http://licences.example".to_owned()], ..good }.is_valid());
}
