//! A publisher's private key, which signs containers.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair};
use ovseal_memory::{Secret, SecretBytes};
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use super::signer::{Ed25519Signer, SignError};
use super::{Algorithm, Publisher};
use crate::key_error::KeyError;
use crate::random::{RandomnessError, random_secret};

const LABEL: &str = "PRIVATE KEY";
const END: &str = "-----END PRIVATE KEY-----";
const DER_LIMIT: usize = 64;
const PEM_LIMIT: usize = 512;

/// The private key of a publisher: an Ed25519 key and an ML-DSA-65 key, both of which sign.
///
/// The Ed25519 half can be held elsewhere, behind an [`Ed25519Signer`]. The ML-DSA half is held
/// here until tokens support that algorithm.
pub struct PublisherKey {
    ed25519: Ed25519,
    ml_dsa: MlDsa,
    publisher: Publisher,
}

/// The Ed25519 half.
enum Ed25519 {
    Here { seed: Secret<32>, pair: Ed25519KeyPair },
    Elsewhere(Box<dyn Ed25519Signer>),
}

/// The ML-DSA-65 half.
struct MlDsa {
    seed: Secret<32>,
    pair: PqdsaKeyPair,
}

impl std::fmt::Debug for PublisherKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublisherKey({})", self.publisher.id())
    }
}

impl PublisherKey {
    /// Creates a random key.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system provides no random bytes.
    pub fn generate() -> Result<Self, RandomnessError> {
        let ed25519 = Ed25519::from_seed(random_secret()?).ok_or(RandomnessError)?;
        Self::generate_ml_dsa(ed25519)
    }

    /// Creates a key from the Ed25519 key behind `signer` and a random ML-DSA-65 key.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system provides no random bytes.
    pub fn generate_with(signer: Box<dyn Ed25519Signer>) -> Result<Self, RandomnessError> {
        Self::generate_ml_dsa(Ed25519::Elsewhere(signer))
    }

    /// Parses PEM blocks `PRIVATE KEY`, one for each algorithm.
    ///
    /// # Errors
    /// [`KeyError::PublisherPrivate`] if `pem` is not such a key.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        let seeds = parse_seeds(pem).and_then(|[ed25519, ml_dsa]| ed25519.zip(ml_dsa));
        let (ed25519, ml_dsa) = seeds.ok_or(KeyError::PublisherPrivate)?;
        Ed25519::from_seed(ed25519)
            .zip(MlDsa::from_seed(ml_dsa))
            .and_then(|(ed25519, ml_dsa)| Self::new(ed25519, ml_dsa))
            .ok_or(KeyError::PublisherPrivate)
    }

    /// Parses one PEM block `PRIVATE KEY` for ML-DSA-65. The Ed25519 key is the one behind
    /// `signer`.
    ///
    /// # Errors
    /// [`KeyError::PublisherMlDsa`] if `pem` is not such a block, or also holds an Ed25519 key.
    pub fn parse_with(pem: &str, signer: Box<dyn Ed25519Signer>) -> Result<Self, KeyError> {
        let Some([None, Some(ml_dsa)]) = parse_seeds(pem) else { return Err(KeyError::PublisherMlDsa) };
        MlDsa::from_seed(ml_dsa)
            .and_then(|ml_dsa| Self::new(Ed25519::Elsewhere(signer), ml_dsa))
            .ok_or(KeyError::PublisherMlDsa)
    }

    /// Returns the PEM blocks to store. An Ed25519 key held elsewhere is not among them.
    pub fn encode(&self) -> SecretBytes {
        let mut text = SecretBytes::with_capacity(PEM_LIMIT).expect("512 bytes are far below the limit");
        for (algorithm, seed) in self.seeds() {
            let der = Zeroizing::new([algorithm.private_prefix(), seed.expose()].concat());
            let mut buffer = Zeroizing::new([0; PEM_LIMIT / 2]);
            let block = pem_rfc7468::encode(LABEL, LineEnding::LF, &der, buffer.as_mut())
                .expect("the block of a seed has fewer than 256 characters");
            text.extend(block.as_bytes()).expect("two blocks have fewer than 512 characters");
        }
        text
    }

    /// Returns the public key that belongs to it.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Signs `message` with every algorithm, in the order of [`Algorithm::ALL`].
    ///
    /// The Ed25519 signature is verified, because a faulty device could return a wrong one.
    pub(super) fn sign(&self, message: &[u8]) -> Result<[(Algorithm, Vec<u8>); 2], SignError> {
        let ed25519 = self.ed25519.sign(message)?;
        let is_right = self.publisher.verifies(Algorithm::Ed25519, message, &ed25519);
        let ml_dsa = self.ml_dsa.sign(message);
        let signatures = [(Algorithm::Ed25519, ed25519), (Algorithm::MlDsa65, ml_dsa)];
        is_right.then_some(signatures).ok_or(SignError::Wrong)
    }

    fn generate_ml_dsa(ed25519: Ed25519) -> Result<Self, RandomnessError> {
        let ml_dsa = MlDsa::from_seed(random_secret()?).ok_or(RandomnessError)?;
        Self::new(ed25519, ml_dsa).ok_or(RandomnessError)
    }

    fn new(ed25519: Ed25519, ml_dsa: MlDsa) -> Option<Self> {
        let publisher = Publisher::from_keys(vec![
            (Algorithm::Ed25519, ed25519.public_key()),
            (Algorithm::MlDsa65, ml_dsa.pair.public_key().as_ref().to_vec()),
        ])?;
        Some(Self { ed25519, ml_dsa, publisher })
    }

    fn seeds(&self) -> impl Iterator<Item = (Algorithm, &Secret<32>)> {
        let ed25519 = match &self.ed25519 {
            Ed25519::Here { seed, .. } => Some((Algorithm::Ed25519, seed)),
            Ed25519::Elsewhere(_) => None,
        };
        ed25519.into_iter().chain([(Algorithm::MlDsa65, &self.ml_dsa.seed)])
    }
}

impl Ed25519 {
    fn from_seed(seed: Secret<32>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).ok()?;
        Some(Self::Here { seed, pair })
    }

    fn public_key(&self) -> Vec<u8> {
        match self {
            Self::Here { pair, .. } => pair.public_key().as_ref().to_vec(),
            Self::Elsewhere(signer) => signer.public_key().to_vec(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Here { pair, .. } => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Elsewhere(signer) => signer.sign(message).map(|signature| signature.to_vec()),
        }
    }
}

impl MlDsa {
    fn from_seed(seed: Secret<32>) -> Option<Self> {
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, seed.expose()).ok()?;
        Some(Self { seed, pair })
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; ML_DSA_65_SIGNING.signature_len()];
        self.pair.sign(message, &mut signature).expect("the buffer has the length of a signature");
        signature
    }
}

/// Parses PEM blocks, and returns their seeds in the order of [`Algorithm::ALL`].
///
/// Every block must hold the seed of a different algorithm.
fn parse_seeds(pem: &str) -> Option<[Option<Secret<32>>; 2]> {
    let blocks = super::public::blocks(pem, END)?;
    let find = |algorithm| blocks.iter().find_map(|block| parse_block(block, algorithm));
    let seeds = Algorithm::ALL.map(find);
    (seeds.iter().flatten().count() == blocks.len()).then_some(seeds)
}

fn parse_block(block: &str, algorithm: Algorithm) -> Option<Secret<32>> {
    let mut buffer = Zeroizing::new([0; DER_LIMIT]);
    let (label, der) = pem_rfc7468::decode(block.as_bytes(), buffer.as_mut()).ok()?;
    let seed: &[u8; 32] = der.strip_prefix(algorithm.private_prefix())?.try_into().ok()?;
    (label == LABEL).then(|| Secret::from_fn(|bytes| bytes.copy_from_slice(seed)))
}
