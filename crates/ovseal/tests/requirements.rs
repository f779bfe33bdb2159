//! The caller's requirements for a container: publisher, name, version and rollback state.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ovseal::{
    ErrorKind, ModelName, OpenError, OpenOptions, PublisherKey, RollbackError, RollbackState, Trust,
};
use ovseal_testkit::Fixture;

fn trust(keys: &[&PublisherKey]) -> OpenOptions {
    OpenOptions::new(Trust::Publishers(keys.iter().map(|key| key.publisher().clone()).collect()))
}

#[test]
fn one_of_several_publishers_is_enough() {
    let [old, new, other] = [(); 3].map(|()| PublisherKey::generate().unwrap());
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    fixture.seal(fixture.options().publisher(&old).publisher(&new));
    for trusted in [&[&old][..], &[&new], &[&other, &new]] {
        let opened = trust(trusted).open(&fixture.container(), &[&fixture.key]).unwrap();
        assert!(trusted.iter().any(|key| opened.publisher() == Some(key.publisher().id())));
    }
    let error = trust(&[&other]).open(&fixture.container(), &[&fixture.key]).unwrap_err();
    assert!(matches!(error, OpenError::Untrusted));
}

/// Returns options that trust each publisher only for the model of one name.
fn trust_for(named: &[(&PublisherKey, &str)]) -> OpenOptions {
    let only = |(key, name): &(&PublisherKey, &str)| {
        key.publisher().clone().only_for(&ModelName::parse(name).unwrap())
    };
    OpenOptions::new(Trust::Publishers(named.iter().map(only).collect()))
}

#[test]
fn a_publisher_is_trusted_only_for_the_names_that_the_caller_gave() {
    let (ours, theirs) = (PublisherKey::generate().unwrap(), PublisherKey::generate().unwrap());
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let open = |options: OpenOptions| options.open(&fixture.container(), &[&fixture.key]);
    let named = || trust_for(&[(&theirs, "other"), (&ours, "model")]);
    // The model's name is `model`.
    fixture.seal(fixture.options().publisher(&theirs));
    let error = open(named()).unwrap_err();
    assert!(matches!(&error, OpenError::NotForPublisher(ids) if *ids == [theirs.publisher().id()]));
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(matches!(named().verify(&fixture.container()), Err(OpenError::NotForPublisher(_))));
    open(trust_for(&[(&theirs, "other"), (&theirs, "model")])).unwrap();
    fixture.seal(fixture.options().publisher(&theirs).publisher(&ours));
    assert_eq!(open(named()).unwrap().publisher(), Some(ours.publisher().id()));
}

#[test]
fn floors_apply_only_to_publishers_that_may_sign_the_name() {
    let (ours, theirs) = (PublisherKey::generate().unwrap(), PublisherKey::generate().unwrap());
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let state = RollbackState::create(&fixture.folder().join("state")).unwrap();
    let accept = |key: &PublisherKey, version, options: OpenOptions| {
        fixture.seal(fixture.options().publisher(key).security_version(version));
        let options = options.rollback_state(state.clone());
        options.open(&fixture.container(), &[&fixture.key])?.accept()
    };
    accept(&theirs, 9, trust(&[&theirs])).unwrap();
    let error = accept(&ours, 1, trust(&[&ours, &theirs])).unwrap_err();
    assert!(matches!(error, OpenError::SecurityVersion { found: 1, floor: 9 }));
    let named = || trust_for(&[(&ours, "model"), (&theirs, "other")]);
    accept(&ours, 2, named()).unwrap();
    assert!(matches!(accept(&ours, 1, named()), Err(OpenError::SecurityVersion { found: 1, floor: 2 })));
    // A version that another publisher signed under this name does not raise the floor for ours.
    accept(&theirs, 9, trust(&[&theirs])).unwrap();
}

#[test]
fn without_a_key_the_content_is_not_verified() {
    let key = PublisherKey::generate().unwrap();
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let path = fixture.seal(fixture.options().publisher(&key));
    assert!(!trust(&[&key]).verify(&path).unwrap().content_verified);
    let (verified, _) = trust(&[&key]).verify_with_key(&path, &[&fixture.key]).unwrap();
    assert!(verified.content_verified);
}

#[test]
fn verifying_with_a_key_checks_digests_without_a_named_publisher() {
    let key = PublisherKey::generate().unwrap();
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let container = fixture.seal(fixture.options().publisher(&key));
    let counted = Arc::new(AtomicU64::new(0));
    let count = counted.clone();
    let any = OpenOptions::new(Trust::AnySender).progress(move |bytes| {
        count.fetch_add(bytes, Ordering::Relaxed);
    });
    let (verification, opened) = any.verify_with_key(&container, &[&fixture.key]).unwrap();
    assert_eq!((verification.publisher, verification.claimed_publishers), (None, vec![key.publisher().id()]));
    assert_eq!(opened.manifest().name.as_str(), "model");
    assert_eq!(counted.load(Ordering::Relaxed), 1);
}

#[test]
fn an_unsigned_container_is_denied_where_a_publisher_is_named() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    fixture.seal(fixture.options());
    let error = trust(&[&PublisherKey::generate().unwrap()]).open(&fixture.container(), &[&fixture.key]);
    assert!(matches!(error.unwrap_err(), OpenError::Unsigned));
}

#[test]
fn requirements_without_a_publisher_are_usage_errors() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    fixture.seal(fixture.options());
    let any = || OpenOptions::new(Trust::AnySender);
    for options in [
        any().name(ModelName::parse("m").unwrap()),
        any().min_security_version(0),
        any().rollback_state(RollbackState::new("state")),
        OpenOptions::new(Trust::Publishers(vec![])),
    ] {
        let error = options.open(&fixture.container(), &[&fixture.key]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}

#[test]
fn a_version_below_the_floor_is_denied() {
    let key = PublisherKey::generate().unwrap();
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    fixture.seal(fixture.options().publisher(&key).security_version(4));
    trust(&[&key]).min_security_version(4).open(&fixture.container(), &[&fixture.key]).unwrap();
    let error =
        trust(&[&key]).min_security_version(5).open(&fixture.container(), &[&fixture.key]).unwrap_err();
    assert!(matches!(error, OpenError::SecurityVersion { found: 4, floor: 5 }));
}

#[test]
fn only_an_accepted_version_excludes_older_ones() {
    let key = PublisherKey::generate().unwrap();
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let state = RollbackState::create(&fixture.folder().join("state")).unwrap();
    let open = |version, accept| {
        fixture.seal(fixture.options().publisher(&key).security_version(version));
        let options = trust(&[&key]).rollback_state(state.clone());
        let opened = options.open(&fixture.container(), &[&fixture.key])?;
        if accept { opened.accept() } else { Ok(()) }
    };
    open(1, true).unwrap();
    open(3, false).unwrap();
    open(2, true).unwrap();
    assert!(matches!(open(1, true), Err(OpenError::SecurityVersion { found: 1, floor: 2 })));
}

#[test]
fn a_missing_or_damaged_state_is_denied() {
    let key = PublisherKey::generate().unwrap();
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    fixture.seal(fixture.options().publisher(&key));
    let path = fixture.folder().join("state");
    let open = || {
        let options = trust(&[&key]).rollback_state(RollbackState::new(&path));
        options.open(&fixture.container(), &[&fixture.key]).unwrap_err()
    };
    assert!(matches!(open(), OpenError::Rollback(RollbackError::Missing { .. })));
    std::fs::write(&path, "").unwrap();
    let error = open();
    assert!(matches!(error, OpenError::Rollback(RollbackError::Damaged { .. })));
    assert_eq!(error.kind(), ErrorKind::Denied);
}

/// Returns the bytes of a container of `version`, signed with `keys`.
fn sealed(fixture: &Fixture, keys: &[&PublisherKey], version: u64) -> Arc<Vec<u8>> {
    let options = fixture.options().security_version(version);
    let container = fixture.seal(keys.iter().fold(options, |options, key| options.publisher(key)));
    Arc::new(std::fs::read(container).unwrap())
}

#[test]
fn older_versions_stay_denied_while_a_publishers_key_is_replaced() {
    let (old, new) = (PublisherKey::generate().unwrap(), PublisherKey::generate().unwrap());
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    let (first, second) = (sealed(&fixture, &[&old], 1), sealed(&fixture, &[&new], 2));
    let third = sealed(&fixture, &[&old, &new], 3);
    let state = RollbackState::create(&fixture.folder().join("state")).unwrap();
    let open = |trusted: &[&PublisherKey], bytes: &Arc<Vec<u8>>| {
        trust(trusted).rollback_state(state.clone()).open_source(bytes.clone(), &[&fixture.key])
    };
    let denied = |trusted: &[&PublisherKey], bytes: &Arc<Vec<u8>>, floor: u64| {
        let error = open(trusted, bytes).unwrap_err();
        assert!(
            matches!(error, OpenError::SecurityVersion { floor: found, .. } if found == floor),
            "{error}"
        );
    };
    open(&[&old, &new], &first).unwrap().accept().unwrap();
    open(&[&old, &new], &second).unwrap().accept().unwrap();
    denied(&[&old, &new], &first, 2);
    denied(&[&old], &first, 2);
    open(&[&old, &new], &third).unwrap().accept().unwrap();
    denied(&[&new], &second, 3);
    denied(&[&old], &first, 3);
}
