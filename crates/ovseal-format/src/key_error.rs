//! The error for input that is not a key.

/// The error for input that is not a key of the expected kind. No message quotes the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The passphrase is empty, too long or not UTF-8.
    #[error("a passphrase is UTF-8 text of 1 to 1024 bytes")]
    Passphrase,
    /// The Argon2id cost is outside the limits of the format.
    #[error("the Argon2id cost is outside the limits of the format")]
    Cost,
    /// The key file does not have 32 bytes.
    #[error("the key file is not 32 bytes long")]
    KeyFile,
    /// The string is not a recipient.
    #[error("not a recipient: it has a typo, or does not begin with age1 or age1pq1")]
    Recipient,
    /// The string is not an identity, or the file has none.
    #[error("not an identity: it has a typo, or does not begin with AGE-SECRET-KEY-1 or AGE-SECRET-KEY-PQ-1")]
    Identity,
    /// The string is not a publisher's public key.
    #[error("a publisher's public key is one or two PEM blocks, for Ed25519 and ML-DSA-65")]
    PublisherPublic,
    /// The string is not a publisher's private key.
    #[error("a publisher's private key is two PEM blocks, for Ed25519 and ML-DSA-65")]
    PublisherPrivate,
    /// The string is not the ML-DSA half of a publisher's private key.
    #[error(
        "the half of a publisher's private key that complements a token's is one PEM block, for \
         ML-DSA-65"
    )]
    PublisherMlDsa,
}
