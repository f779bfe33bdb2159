//! A publisher's private key: what signs containers.

use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair};
use ovseal_memory::{Secret, SecretBytes};
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use super::{Algorithm, Publisher};
use crate::key::RandomnessError;
use crate::recipient::KeyError;

const LABEL: &str = "PRIVATE KEY";
const END: &str = "-----END PRIVATE KEY-----";
const DER_LIMIT: usize = 64;
const PEM_LIMIT: usize = 512;

/// The private key of a publisher: Ed25519 and ML-DSA-65, both of which sign.
pub struct PublisherKey {
    seeds: Seeds,
    ed25519: Ed25519KeyPair,
    ml_dsa: PqdsaKeyPair,
    publisher: Publisher,
}

/// The seed of each algorithm, in the order of [`Algorithm::ALL`].
type Seeds = [Secret<32>; 2];

impl std::fmt::Debug for PublisherKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublisherKey({})", self.publisher.id())
    }
}

impl PublisherKey {
    /// A fresh key.
    ///
    /// # Errors
    /// Only if the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomnessError> {
        let seed = || Secret::try_from_fn(|bytes| rand::fill(bytes)).map_err(|_| RandomnessError);
        Self::from_seeds([seed()?, seed()?]).ok_or(RandomnessError)
    }

    /// Parses PEM blocks `PRIVATE KEY`, one for each algorithm.
    ///
    /// # Errors
    /// [`KeyError::PublisherPrivate`] for any other text.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        let blocks = super::public::blocks(pem, END).filter(|blocks| blocks.len() == Algorithm::ALL.len());
        let seed = |algorithm| blocks.iter().flatten().find_map(|block| parse_block(block, algorithm));
        let [ed25519, ml_dsa] = Algorithm::ALL.map(seed);
        let seeds = ed25519.zip(ml_dsa).map(|(ed25519, ml_dsa)| [ed25519, ml_dsa]);
        seeds.and_then(Self::from_seeds).ok_or(KeyError::PublisherPrivate)
    }

    /// The PEM blocks, to be stored.
    #[expect(clippy::expect_used, reason = "the message says why it cannot fail")]
    pub fn encode(&self) -> SecretBytes {
        let mut text = SecretBytes::with_capacity(PEM_LIMIT).expect("512 bytes are far below the limit");
        for (algorithm, seed) in Algorithm::ALL.into_iter().zip(&self.seeds) {
            let der = Zeroizing::new([algorithm.private_prefix(), seed.expose()].concat());
            let mut buffer = Zeroizing::new([0; PEM_LIMIT / 2]);
            let block = pem_rfc7468::encode(LABEL, LineEnding::LF, &der, buffer.as_mut())
                .expect("the block of a seed has fewer than 256 characters");
            text.extend(block.as_bytes()).expect("two blocks have fewer than 512 characters");
        }
        text
    }

    /// The public key that belongs to it.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Signatures over `message`, in the order of [`Algorithm::ALL`].
    #[expect(clippy::expect_used, reason = "the message says why it cannot fail")]
    pub(super) fn sign(&self, message: &[u8]) -> [(Algorithm, Vec<u8>); 2] {
        let mut ml_dsa = vec![0; ML_DSA_65_SIGNING.signature_len()];
        self.ml_dsa.sign(message, &mut ml_dsa).expect("the buffer has the length of a signature");
        [(Algorithm::Ed25519, self.ed25519.sign(message).as_ref().to_vec()), (Algorithm::MlDsa65, ml_dsa)]
    }

    fn from_seeds(seeds: Seeds) -> Option<Self> {
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(seeds[0].expose()).ok()?;
        let ml_dsa = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, seeds[1].expose()).ok()?;
        let publisher = Publisher::from_keys(vec![
            (Algorithm::Ed25519, ed25519.public_key().as_ref().to_vec()),
            (Algorithm::MlDsa65, ml_dsa.public_key().as_ref().to_vec()),
        ])?;
        Some(Self { seeds, ed25519, ml_dsa, publisher })
    }
}

fn parse_block(block: &str, algorithm: Algorithm) -> Option<Secret<32>> {
    let mut buffer = Zeroizing::new([0; DER_LIMIT]);
    let (label, der) = pem_rfc7468::decode(block.as_bytes(), buffer.as_mut()).ok()?;
    let seed: &[u8; 32] = der.strip_prefix(algorithm.private_prefix())?.try_into().ok()?;
    (label == LABEL).then(|| Secret::from_fn(|bytes| bytes.copy_from_slice(seed)))
}
