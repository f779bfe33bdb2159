//! The kinds of stanza that this version of the format defines (`docs/format.md` §4.3).

/// A kind of stanza, which is a kind of key that opens a container.
///
/// A stanza of any other type is carried along and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StanzaKind {
    /// A passphrase, through Argon2id.
    Passphrase,
    /// A file with 32 secret bytes.
    KeyFile,
    /// A data key and a secret of the device, for what was computed from another container.
    CompileCache,
    /// A post-quantum hybrid public key, X-Wing.
    XWing,
    /// A classical public key, X25519.
    X25519,
    /// A key service of the caller.
    KeyService,
    /// A TPM 2.0.
    Tpm2,
    /// A TPM 2.0 together with a passphrase.
    Tpm2Passphrase,
    /// A P-256 key in a PKCS#11 token.
    Pkcs11,
    /// The sealing key of an SGX enclave.
    Sgx,
}

/// The kind of key behind a stanza. Sealing does not mix the two kinds of public keys by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientClass {
    /// A public key that withstands a quantum computer.
    PostQuantumPublicKey,
    /// A public key that does not.
    ClassicalPublicKey,
    /// A symmetric secret, or a key that never leaves this device.
    SymmetricOrLocal,
}

impl StanzaKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Passphrase,
        Self::KeyFile,
        Self::CompileCache,
        Self::XWing,
        Self::X25519,
        Self::KeyService,
        Self::Tpm2,
        Self::Tpm2Passphrase,
        Self::Pkcs11,
        Self::Sgx,
    ];

    /// Returns the type that such a stanza has in a container.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::KeyFile => "keyfile",
            Self::CompileCache => "compile-cache",
            Self::XWing => "x-wing",
            Self::X25519 => "x25519",
            Self::KeyService => "kms",
            Self::Tpm2 => "tpm2",
            Self::Tpm2Passphrase => "tpm2-passphrase",
            Self::Pkcs11 => "pkcs11",
            Self::Sgx => "sgx",
        }
    }

    /// Returns the kind with this word, if this version knows it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Returns the class of the key behind it, unless only its recipient knows.
    pub const fn class(self) -> Option<RecipientClass> {
        match self {
            Self::Passphrase | Self::KeyFile | Self::CompileCache | Self::Sgx => {
                Some(RecipientClass::SymmetricOrLocal)
            }
            Self::XWing => Some(RecipientClass::PostQuantumPublicKey),
            Self::X25519 | Self::Pkcs11 => Some(RecipientClass::ClassicalPublicKey),
            Self::KeyService | Self::Tpm2 | Self::Tpm2Passphrase => None,
        }
    }

    /// Returns whether such a stanza withstands a quantum computer, unless only its recipient knows.
    pub const fn is_post_quantum(self) -> Option<bool> {
        match self {
            Self::Tpm2 | Self::Tpm2Passphrase | Self::X25519 | Self::Pkcs11 => Some(false),
            Self::KeyService => None,
            _ => Some(true),
        }
    }

    /// Returns true if only someone who knows the secret itself can make such a stanza.
    pub const fn is_shared_secret(self) -> bool {
        matches!(self, Self::Passphrase | Self::KeyFile)
    }

    /// Returns what no two stanzas of this kind may have in common, for kinds that derive a key from a passphrase.
    ///
    /// A container then costs one derivation at most: one `passphrase` stanza, and one `tpm2-passphrase`
    /// stanza for each device. A stanza too short to name its device is useless and conflicts with none.
    pub(crate) fn derivation_slot(self, parameters: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Passphrase => Some(&[]),
            Self::Tpm2Passphrase => parameters.get(TPM2_PASSPHRASE_DEVICE),
            _ => None,
        }
    }
}

/// Returns true if both post-quantum and classical public keys are among `classes`.
pub fn are_mixed(classes: impl IntoIterator<Item = RecipientClass>) -> bool {
    let classes: Vec<RecipientClass> = classes.into_iter().collect();
    classes.contains(&RecipientClass::PostQuantumPublicKey)
        && classes.contains(&RecipientClass::ClassicalPublicKey)
}

/// Position of the device's id in the parameters of a `tpm2-passphrase` stanza: after the salt, the
/// Argon2id cost and one byte of version.
pub const TPM2_PASSPHRASE_DEVICE: std::ops::Range<usize> = 45..77;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in StanzaKind::ALL {
            assert_eq!(StanzaKind::parse(kind.word()), Some(kind));
        }
        assert_eq!(StanzaKind::parse("license"), None);
    }

    #[test]
    fn a_classical_public_key_is_never_post_quantum() {
        for kind in StanzaKind::ALL {
            if let Some(class) = kind.class() {
                let classical = class == RecipientClass::ClassicalPublicKey;
                assert_eq!(kind.is_post_quantum(), Some(!classical), "{kind:?}");
            }
        }
    }
}
