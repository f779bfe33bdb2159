//! Opening and rekeying without specifying a sender.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::atomic::{AtomicUsize, Ordering};

use ovseal::{
    Argon2Cost, Context, DataKey, ErrorKind, Identity, KeyFile, OpenError, OpenOptions, Passphrase,
    PublicKeyIdentity, PublisherKey, Recipient, RecipientClass, RekeyError, RekeyOptions, SealOptions,
    Stanza, Trust, UnwrapError, WrapError, symmetric,
};
use ovseal_testkit::Fixture;

fn unnamed() -> OpenOptions {
    OpenOptions::new(Trust::SharedSecret)
}

/// A recipient whose stanzas have this type, which `ovseal` may not know.
struct Foreign(&'static str);

impl Recipient for Foreign {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        Ok(symmetric::wrap(self.0, vec![7; symmetric::SALT_LENGTH], &[7; 32], key, context)?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

/// An identity that counts how often it is tried.
struct Counting<'k>(&'k KeyFile, AtomicUsize);

impl Identity for Counting<'_> {
    fn stanza_type(&self) -> &str {
        self.0.stanza_type()
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.unwrap(stanza, context)
    }
}

#[test]
fn containers_for_shared_secrets_open_without_a_named_sender() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let passphrase = Passphrase::from_bytes(b"secret").unwrap().with_cost(Argon2Cost::new(8, 1, 1).unwrap());
    fixture.seal(fixture.options().recipient(&passphrase));
    for key in [&fixture.key as &dyn Identity, &passphrase] {
        let opened = unnamed().open(&fixture.container(), &[key]).unwrap();
        assert_eq!(opened.publisher(), None);
        assert_eq!(&opened.part("w.bin").unwrap().read().unwrap()[..], b"weights");
    }
}

#[test]
fn other_kinds_of_stanza_require_a_named_sender_before_a_key_is_tried() {
    let public = PublicKeyIdentity::generate().unwrap().recipient();
    let others: [&dyn Recipient; 4] = [&public, &Foreign("kms"), &Foreign("tpm2"), &Foreign("example")];
    for other in others {
        let fixture = Fixture::new(&[("w.bin", b"weights")]);
        let publisher = PublisherKey::generate().unwrap();
        fixture.seal(fixture.options().recipient(other).publisher(&publisher));
        let key = Counting(&fixture.key, AtomicUsize::new(0));
        for error in [
            unnamed().open(&fixture.container(), &[&key]).unwrap_err(),
            unnamed().check_sender(&fixture.container()).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Usage);
            let id = publisher.publisher().id();
            let text = format!("no publisher is named, and the container claims to be signed by {id}");
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(key.1.load(Ordering::Relaxed), 0);
        for trust in [Trust::AnySender, Trust::Publishers(vec![publisher.publisher().clone()])] {
            OpenOptions::new(trust).open(&fixture.container(), &[&key]).unwrap();
        }
    }
}

#[test]
fn stanzas_of_the_side_file_count_too() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    fixture.seal(fixture.options());
    let identity = PublicKeyIdentity::generate().unwrap();
    let local = identity.recipient();
    RekeyOptions::new().add_recipient(&local).write_side_file(&fixture.container(), &[&fixture.key]).unwrap();
    let keys: [&dyn Identity; 2] = [&fixture.key, &identity];
    for key in keys {
        let error = unnamed().open(&fixture.container(), &[key]).unwrap_err();
        assert!(matches!(error, OpenError::SenderNotNamed { claimed } if claimed.is_empty()));
    }
}

#[test]
fn rekeying_and_side_files_require_a_named_sender_as_opening_does() {
    let (key, other) = (PublisherKey::generate().unwrap(), PublisherKey::generate().unwrap());
    let (identity, added) = (PublicKeyIdentity::generate().unwrap(), KeyFile::generate().unwrap());
    let recipient = identity.recipient();
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    fixture.seal(SealOptions::recipient(fixture.options(), &recipient).publisher(&key));
    let before = std::fs::read(fixture.container()).unwrap();
    let options = |trust: Option<Trust>| {
        let options = RekeyOptions::new().add_recipient(&added);
        trust.into_iter().fold(options, RekeyOptions::trust)
    };
    let named = |key: &PublisherKey| Some(Trust::Publishers(vec![key.publisher().clone()]));
    for trust in [None, named(&other)] {
        let is_named = trust.is_some();
        for error in [
            options(trust.clone()).rekey(&fixture.container(), &[&identity]).unwrap_err(),
            options(trust).write_side_file(&fixture.container(), &[&identity]).unwrap_err(),
        ] {
            match error {
                RekeyError::Open(OpenError::Untrusted) => assert!(is_named),
                RekeyError::Open(OpenError::SenderNotNamed { claimed }) => {
                    assert_eq!(claimed, [key.publisher().id()]);
                    assert!(!is_named);
                }
                error => panic!("{error:?}"),
            }
        }
    }
    assert_eq!(std::fs::read(fixture.container()).unwrap(), before);
    options(named(&key)).rekey(&fixture.container(), &[&identity]).unwrap();
    options(Some(Trust::AnySender)).write_side_file(&fixture.container(), &[&identity]).unwrap();
}

#[test]
fn requirements_need_a_named_publisher() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    fixture.seal(fixture.options());
    let error = unnamed().min_security_version(0).open(&fixture.container(), &[&fixture.key]).unwrap_err();
    assert!(matches!(error, OpenError::DemandWithoutPublisher));
}
