//! The result of verifying a container.

use ovseal_format::statement::KeyId;

use super::CheckedStatement;

/// The outcome of a successful verification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The trusted publisher who signed, if any was specified.
    pub publisher: Option<KeyId>,
    /// All publishers who claim to have signed.
    pub claimed_publishers: Vec<KeyId>,
    /// The security version. Rely on it only if a publisher was specified or a key was given.
    pub security_version: u64,
    /// True if the content was verified with a key: every MAC, the manifest and every tag.
    ///
    /// Without a key, only digests are compared. Anyone can sign ciphertext of their own.
    pub content_verified: bool,
}

impl Verification {
    /// Returns the outcome of verifying this statement and all that it covers, without a key.
    pub(crate) fn of(checked: &CheckedStatement) -> Self {
        Self {
            publisher: checked.publisher,
            claimed_publishers: checked.statement.publishers.clone(),
            security_version: checked.statement.security_version,
            content_verified: false,
        }
    }
}
