//! The joint for keys that sign elsewhere: a hardware token, a key service.

/// Makes a publisher's Ed25519 signatures (RFC 8032, pure) with a key that it holds.
pub trait Ed25519Signer: Send + Sync {
    /// The public key, 32 bytes.
    fn public_key(&self) -> [u8; 32];

    /// The signature over `message`, which has at most 64 KiB.
    ///
    /// It is made once for a sealing, at its end, and verified before it is used.
    ///
    /// # Errors
    /// [`SignError::Backend`] when the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// A publisher's key could not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// What holds the key failed.
    #[error("the publisher's key could not sign")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The signature is not by the public key that was given.
    #[error("the signature that the publisher's key made is wrong")]
    Wrong,
}
