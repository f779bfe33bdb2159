//! A caller's key service wraps a secret of each container, and unwraps it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ovseal::{
    ErrorKind, KeyService, Model, ModelName, ModelOptions, OpenError, OpenOptions, SealError, SealOptions,
    Secret, ServiceError, ServiceKey, Trust, UnwrapError,
};
use ovseal_testkit::Fixture;

/// A vault: it keeps secrets and gives out a handle for each.
#[derive(Default)]
struct Vault {
    secrets: Mutex<HashMap<Vec<u8>, [u8; 32]>>,
    handle_length: usize,
    is_down: bool,
}

impl Vault {
    fn new(handle_length: usize) -> Arc<Self> {
        Arc::new(Self { handle_length, ..Self::default() })
    }
}

impl KeyService for Vault {
    fn wrap(&self, secret: &[u8; 32]) -> Result<Vec<u8>, ServiceError> {
        let mut secrets = self.secrets.lock().unwrap();
        let handle = vec![secrets.len() as u8; self.handle_length];
        secrets.insert(handle.clone(), *secret);
        Ok(handle)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Option<Secret<32>>, ServiceError> {
        if self.is_down {
            return Err("the vault is down".into());
        }
        let secret = self.secrets.lock().unwrap().get(wrapped).copied();
        Ok(secret.map(|secret| Secret::from_fn(|bytes| *bytes = secret)))
    }
}

fn seal(fixture: &Fixture, vaults: &[&Arc<Vault>]) -> Result<std::path::PathBuf, SealError> {
    let output = fixture.folder().join("out.ovseal");
    let model = Model::find(&fixture.folder().join("model"), ModelOptions::default()).unwrap();
    let keys: Vec<ServiceKey> = vaults.iter().map(|&vault| ServiceKey::new(vault.clone())).collect();
    let options = SealOptions::new(ModelName::parse("m").unwrap()).replace(true);
    let options = keys.iter().fold(options, |options, key| options.recipient(key));
    options.seal(&model, &output).map(|_| output)
}

fn open(path: &std::path::Path, vault: Arc<Vault>) -> Result<ovseal::Opened, OpenError> {
    OpenOptions::new(Trust::AnySender).open(path, &[&ServiceKey::new(vault)])
}

#[test]
fn what_a_service_has_wrapped_it_opens_and_another_does_not() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let (ours, theirs) = (Vault::new(16), Vault::new(16));
    let path = seal(&fixture, &[&theirs, &ours]).unwrap();
    assert_eq!(&*open(&path, ours.clone()).unwrap().part("w.bin").unwrap().read().unwrap(), b"weights");
    assert_eq!(ours.secrets.lock().unwrap().len(), 1);
    assert!(matches!(open(&path, Vault::new(16)), Err(OpenError::NoKeyFits { .. })));
}

#[test]
fn a_service_that_fails_is_the_environments_fault_and_is_quoted() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let path = seal(&fixture, &[&Vault::new(16)]).unwrap();
    let error = open(&path, Arc::new(Vault { is_down: true, ..Vault::default() })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    let OpenError::Unwrap(UnwrapError::Backend(source)) = error else { panic!("{error}") };
    assert_eq!(source.to_string(), "the vault is down");
}

#[test]
fn what_a_service_makes_of_a_secret_has_limits() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let longest = Vault::new(8192);
    open(&seal(&fixture, &[&longest]).unwrap(), longest.clone()).unwrap();
    for length in [0, 8193] {
        assert!(matches!(seal(&fixture, &[&Vault::new(length)]), Err(SealError::Wrap(_))), "{length}");
    }
}
