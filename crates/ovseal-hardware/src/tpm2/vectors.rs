//! The vectors of stanzas for a TPM: with the share that it would unseal, which only tests can give.

use std::path::{Path, PathBuf};

use ovseal::{
    Context, DataKey, Identity, OpenError, OpenOptions, Passphrase, Stanza, Trust, UnwrapError, symmetric,
};
use ovseal_memory::Secret;
use serde_json::Value;

use super::combined::combine;
use super::stanza::{CombinedParameters, TPM2, TPM2_PASSPHRASE, Tpm2Parameters};
use super::wire::sha256;

/// What a TPM would unseal, and the passphrase where there is one.
struct Share(Secret<32>, Option<Passphrase>);

impl Share {
    fn of(key: &Value) -> Self {
        let share: [u8; 32] =
            base16ct::mixed::decode_vec(key["share"].as_str().unwrap()).unwrap().try_into().unwrap();
        let passphrase =
            key["passphrase"].as_str().map(|text| Passphrase::from_bytes(text.as_bytes()).unwrap());
        Self(Secret::from_fn(|bytes| *bytes = share), passphrase)
    }
}

impl Identity for Share {
    fn stanza_type(&self) -> &str {
        if self.1.is_some() { TPM2_PASSPHRASE } else { TPM2 }
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let Some(passphrase) = &self.1 else {
            let good = Tpm2Parameters::parse(stanza.parameters()).is_some();
            return Ok(good.then(|| symmetric::unwrap(stanza, self.0.expose(), context)).flatten());
        };
        let Some(CombinedParameters { salt, cost, .. }) = CombinedParameters::parse(stanza.parameters())
        else {
            return Ok(None);
        };
        let secret = combine(&self.0, &passphrase.derive(&salt, cost)?);
        Ok(symmetric::unwrap(stanza, secret.expose(), context))
    }
}

#[test]
fn every_vector_for_a_tpm_has_its_outcome() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors-tpm");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let records: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    assert!(records.len() > 20);
    for path in records {
        let record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let opened = OpenOptions::new(Trust::AnySender)
            .open(&path.with_extension("ovseal"), &[&Share::of(&record["key"])]);
        match (record["expect"].as_str().unwrap(), opened) {
            ("opened", Ok(opened)) => {
                let parts = record["parts"].as_array().unwrap();
                assert!(!parts.is_empty() && opened.parts().len() == parts.len(), "{path:?}");
                for (part, expected) in opened.parts().zip(parts) {
                    let digest = sha256(&[&part.read().unwrap()]);
                    assert_eq!(
                        Some(&*base16ct::lower::encode_string(&digest)),
                        expected["sha256"].as_str(),
                        "{path:?}"
                    );
                }
            }
            ("no-key-fits", Err(OpenError::NoKeyFits { .. })) => {}
            (expected, outcome) => panic!("{path:?}: {outcome:?}, not {expected}"),
        }
    }
}
