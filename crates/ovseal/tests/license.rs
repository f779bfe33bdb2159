//! Containers for a licence, opened with the release keys that only their service has.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use ovseal::share::{Kem, KemPrivateKey, LicenseParameters, ProductId};
use ovseal::{
    Context, DataKey, Identity, KeyFile, LicenseRecipient, Model, ModelName, ModelOptions, OpenError,
    OpenOptions, RekeyError, RekeyOptions, SealError, SealOptions, Secret, Stanza, Trust, UnwrapError,
    unwrap_license,
};
use serde_json::Value;

/// The release keys of a service, in one process with the stanza: only tests have that.
struct ReleaseKeys(Vec<KemPrivateKey>);

impl Identity for ReleaseKeys {
    fn stanza_type(&self) -> &str {
        "license"
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let parameters = LicenseParameters::parse(stanza.parameters());
        let shares = parameters.and_then(|parameters| parameters.open(&self.0, context.as_bytes()));
        Ok(shares.and_then(|shares| unwrap_license(stanza, &shares, context)))
    }
}

impl ReleaseKeys {
    fn of(record: &Value) -> Self {
        let key = |key: &Value| {
            let kem = Kem::from_number(key["kem"].as_u64().unwrap()).unwrap();
            let private = base16ct::mixed::decode_vec(key["private"].as_str().unwrap()).unwrap();
            KemPrivateKey::parse(kem, Secret::from_fn(|bytes| bytes.copy_from_slice(&private))).unwrap()
        };
        Self(record["key"]["release"].as_array().unwrap().iter().map(key).collect())
    }
}

#[test]
fn every_vector_for_a_licence_has_its_outcome() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors-license");
    let files = directory.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let records: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    assert!(records.len() > 30);
    for path in records {
        let record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let opened = OpenOptions::new(Trust::AnySender)
            .open(&path.with_extension("ovseal"), &[&ReleaseKeys::of(&record)]);
        match (record["expect"].as_str().unwrap(), opened) {
            ("opened", Ok(opened)) => {
                let parts = record["parts"].as_array().unwrap();
                assert!(!parts.is_empty() && opened.parts().len() == parts.len(), "{path:?}");
                assert!(opened.parts().all(|part| part.read().is_ok()), "{path:?}");
            }
            ("no-key-fits", Err(OpenError::NoKeyFits { .. })) => {}
            (expected, outcome) => panic!("{path:?}: {outcome:?}, not {expected}"),
        }
    }
}

#[test]
fn a_licence_opens_nothing_from_an_unnamed_sender() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors-license/license-x-wing");
    let record: Value = serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
    let opened = OpenOptions::new(Trust::SharedSecret)
        .open(&path.with_extension("ovseal"), &[&ReleaseKeys::of(&record)]);
    assert!(matches!(opened, Err(OpenError::SenderNotNamed { .. })), "{opened:?}");
}

#[test]
fn a_container_is_not_left_with_a_licence_only_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let (model, sealed) = (folder.path().join("notes.txt"), folder.path().join("notes.ovseal"));
    std::fs::write(&model, [7; 100]).unwrap();
    let release = KemPrivateKey::generate(Kem::XWing).unwrap();
    let product = ProductId::from_bytes([1; 16]);
    let licence = LicenseRecipient::new(product, 0, vec![release.public_key()]).unwrap();
    let key = KeyFile::generate().unwrap();
    let options = |allowed| {
        SealOptions::new(ModelName::parse("notes").unwrap()).recipient(&licence).allow_only_license(allowed)
    };
    let model = Model::find(&model, ModelOptions::default()).unwrap();
    assert!(matches!(options(false).seal(&model, &sealed), Err(SealError::OnlyLicense)));
    options(false).recipient(&key).seal(&model, &sealed).unwrap();
    let rekey =
        |allowed| RekeyOptions::new().trust(Trust::AnySender).remove_stanza(1).allow_only_license(allowed);
    assert!(matches!(rekey(false).rekey(&sealed, &[&key]), Err(RekeyError::OnlyLicense)));
    rekey(true).rekey(&sealed, &[&key]).unwrap();
    let opened = OpenOptions::new(Trust::AnySender).open(&sealed, &[&ReleaseKeys(vec![release])]).unwrap();
    assert_eq!(&*opened.parts().next().unwrap().read().unwrap(), &[7; 100]);
}
