//! The signatures of a container, and their verification for trusted publishers.

use minicbor::{Decode, Encode};

use super::{Algorithm, Publisher, PublisherKey, SignError};
use crate::cbor;
use crate::statement::{KeyId, Statement, signed_message};

/// Maximum length of all signatures of a container together, in bytes.
pub const SIGNATURES_LIMIT: u64 = 65_536;

const COUNT_LIMIT: usize = 16;

/// The signatures of a container.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Signatures(#[n(0)] Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Entry {
    #[n(0)]
    key_id: KeyId,
    #[n(1)]
    algorithm: u64,
    #[cbor(n(2), with = "minicbor::bytes")]
    signature: Vec<u8>,
}

/// The reason why signatures do not prove that a trusted publisher made the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignaturesError {
    /// There are no signatures.
    Unsigned,
    /// No signature is by a trusted publisher.
    Untrusted,
    /// An algorithm of this publisher's key has not signed.
    Missing(KeyId),
    /// A signature by this publisher is wrong.
    Wrong(KeyId),
}

impl Signatures {
    /// Parses signatures. Returns `None` if they are malformed or of an unknown algorithm.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let signatures: Self = cbor::decode(bytes)?;
        let entries = &signatures.0;
        let ascending = entries.windows(2).all(|pair| pair[0].order() < pair[1].order());
        let known = entries.iter().all(Entry::has_known_algorithm);
        (entries.len() <= COUNT_LIMIT && ascending && known).then_some(signatures)
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Signs an encoded statement with every key.
    ///
    /// # Errors
    /// [`SignError`] if a key fails to sign.
    pub fn sign(statement: &[u8], keys: &[&PublisherKey]) -> Result<Self, SignError> {
        Self::sign_message(&signed_message(statement), keys)
    }

    /// Signs `message` with every key. It begins with its purpose, as
    /// [`signed_message`] does for statements.
    ///
    /// # Errors
    /// [`SignError`] if a key fails to sign.
    pub fn sign_message(message: &[u8], keys: &[&PublisherKey]) -> Result<Self, SignError> {
        let mut entries = Vec::new();
        for key in keys {
            entries.extend(Entry::sign(key, message)?);
        }
        entries.sort_unstable_by_key(Entry::order);
        Ok(Self(entries))
    }

    /// Returns the publishers among `trusted` whose signatures are complete and valid: at least
    /// one.
    ///
    /// `statement` holds the bytes in the container, not yet parsed.
    ///
    /// # Errors
    /// [`SignaturesError`] if there is no such publisher. A wrong signature takes precedence over a
    /// missing one.
    pub fn verify<'t>(
        &self,
        statement: &[u8],
        trusted: &'t [Publisher],
    ) -> Result<Vec<&'t Publisher>, SignaturesError> {
        self.verify_message(&signed_message(statement), trusted)
    }

    /// Returns the publishers among `trusted` that signed `message`, as [`verify`](Self::verify)
    /// does for a statement.
    ///
    /// # Errors
    /// [`SignaturesError`] if there is none.
    pub fn verify_message<'t>(
        &self,
        message: &[u8],
        trusted: &'t [Publisher],
    ) -> Result<Vec<&'t Publisher>, SignaturesError> {
        if self.0.is_empty() {
            return Err(SignaturesError::Unsigned);
        }
        let (mut signers, mut failure) = (Vec::new(), SignaturesError::Untrusted);
        for publisher in trusted.iter().filter(|publisher| self.names(publisher.id())) {
            match self.verify_publisher(publisher, message) {
                Ok(()) => signers.push(publisher),
                Err(_) if matches!(failure, SignaturesError::Wrong(_)) => {}
                Err(error) => failure = error,
            }
        }
        if signers.is_empty() { Err(failure) } else { Ok(signers) }
    }

    /// Returns true if the signers are exactly the publishers that the statement lists.
    pub fn agree_with(&self, statement: &Statement) -> bool {
        let mut ids: Vec<KeyId> = self.0.iter().map(|entry| entry.key_id).collect();
        ids.dedup();
        ids == statement.publishers
    }

    fn names(&self, id: KeyId) -> bool {
        self.0.iter().any(|entry| entry.key_id == id)
    }

    fn verify_publisher(&self, publisher: &Publisher, message: &[u8]) -> Result<(), SignaturesError> {
        let mut missing = false;
        for algorithm in publisher.algorithms() {
            match self.0.iter().find(|entry| entry.is(publisher.id(), algorithm)) {
                Some(entry) if publisher.verifies(algorithm, message, &entry.signature) => {}
                Some(_) => return Err(SignaturesError::Wrong(publisher.id())),
                None => missing = true,
            }
        }
        if missing { Err(SignaturesError::Missing(publisher.id())) } else { Ok(()) }
    }
}

impl Entry {
    fn sign(key: &PublisherKey, message: &[u8]) -> Result<[Self; 2], SignError> {
        let key_id = key.publisher().id();
        let entry = |(algorithm, signature)| Self { key_id, algorithm: algorithm as u64, signature };
        Ok(key.sign(message)?.map(entry))
    }

    fn has_known_algorithm(&self) -> bool {
        let algorithm = Algorithm::from_number(self.algorithm);
        algorithm.is_some_and(|algorithm| self.signature.len() == algorithm.signature_length())
    }

    fn order(&self) -> (KeyId, u64) {
        (self.key_id, self.algorithm)
    }

    fn is(&self, key_id: KeyId, algorithm: Algorithm) -> bool {
        self.key_id == key_id && self.algorithm == algorithm as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_error::KeyError;

    fn key() -> PublisherKey {
        PublisherKey::generate().unwrap()
    }

    #[test]
    fn only_a_trusted_publisher_is_recognized() {
        let (key, other) = (key(), key());
        let signatures = Signatures::sign(b"statement", &[&key]).unwrap();
        let trusted = [other.publisher().clone(), key.publisher().clone()];
        assert_eq!(signatures.verify(b"statement", &trusted), Ok(vec![key.publisher()]));
        assert_eq!(signatures.verify(b"statement", &trusted[..1]), Err(SignaturesError::Untrusted));
        assert_eq!(
            signatures.verify(b"changed", &trusted),
            Err(SignaturesError::Wrong(key.publisher().id()))
        );
    }

    #[test]
    fn every_algorithm_of_the_trusted_key_must_have_signed() {
        let key = key();
        for kept in 0..2 {
            let mut signatures = Signatures::sign(b"statement", &[&key]).unwrap();
            signatures.0 = vec![signatures.0.swap_remove(kept)];
            assert_eq!(
                signatures.verify(b"statement", &[key.publisher().clone()]),
                Err(SignaturesError::Missing(key.publisher().id()))
            );
        }
    }

    #[test]
    fn encoded_keys_parse_to_themselves() {
        let key = key();
        let text = key.encode();
        let again = PublisherKey::parse(std::str::from_utf8(text.expose()).unwrap()).unwrap();
        assert_eq!(again.publisher(), key.publisher());
        assert_eq!(Publisher::parse(&key.publisher().encode()).unwrap(), *key.publisher());
    }

    /// The answer of a faulty device in place of a signature.
    type Fault = fn() -> Result<[u8; 64], SignError>;

    /// A device that signs with its own key pair, unless it is faulty.
    struct Device {
        pair: aws_lc_rs::signature::Ed25519KeyPair,
        fault: Option<Fault>,
    }

    impl super::super::Ed25519Signer for Device {
        fn public_key(&self) -> [u8; 32] {
            use aws_lc_rs::signature::KeyPair;
            self.pair.public_key().as_ref().try_into().unwrap()
        }

        fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
            let signed = || Ok(self.pair.sign(message).as_ref().try_into().unwrap());
            self.fault.map_or_else(signed, |fault| fault())
        }
    }

    fn device(fault: Option<Fault>) -> Box<Device> {
        Box::new(Device { pair: aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap(), fault })
    }

    #[test]
    fn a_key_with_a_half_elsewhere_signs_and_is_encoded_without_that_half() {
        let key = PublisherKey::generate_with(device(None)).unwrap();
        let signatures = Signatures::sign(b"statement", &[&key]).unwrap();
        assert_eq!(signatures.verify(b"statement", &[key.publisher().clone()]), Ok(vec![key.publisher()]));
        let text = String::from_utf8(key.encode().expose().to_vec()).unwrap();
        assert_eq!(text.matches("BEGIN").count(), 1);
        let other = PublisherKey::parse_with(&text, device(None)).unwrap();
        assert_ne!(other.publisher().id(), key.publisher().id());
        assert_eq!(PublisherKey::parse(&text).unwrap_err(), KeyError::PublisherPrivate);
    }

    #[test]
    fn a_whole_key_is_rejected_as_a_half() {
        let text = String::from_utf8(key().encode().expose().to_vec()).unwrap();
        let rejected = |text: &str| PublisherKey::parse_with(text, device(None)).unwrap_err();
        assert_eq!(rejected(&text), KeyError::PublisherMlDsa);
        let (half, _) = text.split_at(text.len() / 2);
        for text in ["", half, &text.repeat(2)] {
            assert_eq!(rejected(text), KeyError::PublisherMlDsa);
        }
    }

    #[test]
    fn a_wrong_or_missing_signature_from_elsewhere_is_an_error() {
        let sign = |fault| {
            let key = PublisherKey::generate_with(device(Some(fault))).unwrap();
            Signatures::sign(b"statement", &[&key]).unwrap_err()
        };
        assert!(matches!(sign(|| Ok([7; 64])), SignError::Wrong));
        assert!(matches!(sign(|| Err(SignError::Backend("gone".into()))), SignError::Backend(_)));
    }

    #[test]
    fn signatures_out_of_order_or_of_an_unknown_algorithm_are_rejected() {
        let mut signatures = Signatures::sign(b"statement", &[&key()]).unwrap();
        assert_eq!(Signatures::parse(&signatures.encode()), Some(signatures.clone()));
        signatures.0.reverse();
        assert_eq!(Signatures::parse(&signatures.encode()), None);
        signatures.0[0].algorithm = 3;
        signatures.0.truncate(1);
        assert_eq!(Signatures::parse(&signatures.encode()), None);
    }
}
