//! The caller's key service, which wraps and unwraps a secret for each container.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ovseal::{
    ErrorKind, Inspection, KeyService, ModelName, OpenError, OpenOptions, SealError, SealOptions, Secret,
    ServiceContext, ServiceError, ServiceKey, Trust, UnwrapError,
};
use ovseal_testkit::Fixture;

/// A secret and the associated data that the vault bound to it.
type Bound = ([u8; 32], [u8; 64]);

/// A key service that keeps secrets, each bound to its container, and returns handles for them.
#[derive(Default)]
struct Vault {
    secrets: Mutex<HashMap<Vec<u8>, Bound>>,
    /// The contexts in which it was asked to unwrap.
    asked: Mutex<Vec<ServiceContext>>,
    handle_length: usize,
    is_down: bool,
}

impl Vault {
    fn new(handle_length: usize) -> Arc<Self> {
        Arc::new(Self { handle_length, ..Self::default() })
    }
}

impl KeyService for Vault {
    fn wrap(&self, secret: &[u8; 32], context: &ServiceContext) -> Result<Vec<u8>, ServiceError> {
        let mut secrets = self.secrets.lock().unwrap();
        let handle = vec![secrets.len() as u8; self.handle_length];
        secrets.insert(handle.clone(), (*secret, context.associated_data()));
        Ok(handle)
    }

    fn unwrap(&self, wrapped: &[u8], context: &ServiceContext) -> Result<Option<Secret<32>>, ServiceError> {
        self.asked.lock().unwrap().push(*context);
        if self.is_down {
            return Err("the vault is down".into());
        }
        let Some((secret, bound)) = self.secrets.lock().unwrap().get(wrapped).copied() else {
            return Ok(None);
        };
        if bound != context.associated_data() {
            return Err("this secret was wrapped for another container".into());
        }
        Ok(Some(Secret::from_fn(|bytes| *bytes = secret)))
    }
}

fn seal(fixture: &Fixture, vaults: &[&Arc<Vault>]) -> Result<std::path::PathBuf, SealError> {
    let keys: Vec<ServiceKey> = vaults.iter().map(|&vault| ServiceKey::new(vault.clone())).collect();
    let options = SealOptions::new(ModelName::parse("m").unwrap()).replace(true);
    let options = keys.iter().fold(options, |options, key| options.recipient(key));
    options.seal(&fixture.model(), &fixture.container()).map(|_| fixture.container())
}

fn open(path: &std::path::Path, vault: Arc<Vault>) -> Result<ovseal::Opened, OpenError> {
    OpenOptions::new(Trust::AnySender).open(path, &[&ServiceKey::new(vault)])
}

#[test]
fn only_the_service_that_wrapped_a_secret_opens_the_container() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let (ours, theirs) = (Vault::new(16), Vault::new(16));
    let path = seal(&fixture, &[&theirs, &ours]).unwrap();
    assert_eq!(&*open(&path, ours.clone()).unwrap().part("w.bin").unwrap().read().unwrap(), b"weights");
    assert_eq!(ours.secrets.lock().unwrap().len(), 1);
    assert!(matches!(open(&path, Vault::new(16)), Err(OpenError::NoKeyFits { .. })));
}

#[test]
fn a_service_receives_the_ids_of_container_and_model() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let vault = Vault::new(16);
    let path = seal(&fixture, &[&vault]).unwrap();
    let seen = Inspection::of(&path).unwrap();
    open(&path, vault.clone()).unwrap();
    let asked = vault.asked.lock().unwrap()[0];
    assert_eq!((asked.container_id, asked.model_id), (seen.container_id, seen.model_id));
    assert_eq!(asked.model_id, ModelName::parse("m").unwrap().id());
    let expected = [seen.container_id.as_bytes(), seen.model_id.as_bytes()].map(|id| &id[..]).concat();
    assert_eq!(&asked.associated_data()[..], expected);
    // The vault rejects the same handle in another container.
    let handle = vault.secrets.lock().unwrap().keys().next().unwrap().clone();
    let mut other = asked;
    other.container_id = Inspection::of(&fixture.seal(fixture.options())).unwrap().container_id;
    let error = vault.unwrap(&handle, &other).unwrap_err();
    assert_eq!(error.to_string(), "this secret was wrapped for another container");
}

#[test]
fn a_failing_service_is_an_environment_error_and_is_quoted() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let path = seal(&fixture, &[&Vault::new(16)]).unwrap();
    let error = open(&path, Arc::new(Vault { is_down: true, ..Vault::default() })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    let OpenError::Unwrap(UnwrapError::Backend(source)) = error else { panic!("{error}") };
    assert_eq!(source.to_string(), "the vault is down");
}

#[test]
fn a_wrapped_secret_has_limits() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let longest = Vault::new(8192);
    open(&seal(&fixture, &[&longest]).unwrap(), longest.clone()).unwrap();
    for length in [0, 8193] {
        assert!(matches!(seal(&fixture, &[&Vault::new(length)]), Err(SealError::Wrap(_))), "{length}");
    }
}
