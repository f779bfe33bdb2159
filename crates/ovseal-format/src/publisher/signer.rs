//! The interface for signing keys held elsewhere: in a hardware token or a key service.

/// A signer with a publisher's Ed25519 key (RFC 8032, pure).
pub trait Ed25519Signer: Send + Sync {
    /// Returns the public key, 32 bytes.
    fn public_key(&self) -> [u8; 32];

    /// Signs `message`, which has less than 64 KiB.
    ///
    /// Sealing calls this once, at the end. The signature is verified before it is used.
    ///
    /// # Errors
    /// [`SignError::Backend`] if the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// The error for a publisher's key that could not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The signer failed.
    #[error("the publisher's key could not sign")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The signature does not verify under the signer's public key.
    #[error("the publisher's key returned a wrong signature")]
    Wrong,
}
