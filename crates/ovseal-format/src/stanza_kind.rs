//! The kinds of stanza that this version of the format defines (`docs/format.md` §4).

/// A kind of stanza, and of the key that opens it.
///
/// Stanzas of other types are kept and skipped. A new kind deliberately breaks programs that match
/// on this enum, because each has to decide how to handle that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StanzaKind {
    /// A passphrase, from which Argon2id derives a secret.
    Passphrase,
    /// A file with 32 secret bytes.
    KeyFile,
    /// A secret derived from another container's data key and a secret of this device.
    CompileCache,
    /// An X-Wing public key, a post-quantum hybrid.
    XWing,
    /// An X25519 public key, which is classical.
    X25519,
    /// The caller's key service.
    KeyService,
    /// A TPM 2.0.
    Tpm2,
    /// A TPM 2.0 together with a passphrase.
    Tpm2Passphrase,
    /// A P-256 key in a PKCS#11 token.
    Pkcs11,
    /// The sealing key of an SGX enclave.
    Sgx,
    /// A licence, granted by a licence service.
    License,
}

/// The class of the key behind a stanza.
///
/// By default, sealing and rekeying do not mix the two classes of public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientClass {
    /// A public key that withstands a quantum computer.
    PostQuantumPublicKey,
    /// A public key that does not withstand a quantum computer.
    ClassicalPublicKey,
    /// A symmetric secret, or a key that never leaves this device.
    SymmetricOrLocal,
}

impl StanzaKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
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
        Self::License,
    ];

    /// Returns the type of such a stanza in a container.
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
            Self::License => "license",
        }
    }

    /// Returns the kind with this [`word`](Self::word), or `None` if this version does not know it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Returns the class of the key behind such a stanza, or `None` if that depends on the
    /// recipient.
    pub const fn class(self) -> Option<RecipientClass> {
        match self {
            Self::Passphrase | Self::KeyFile | Self::CompileCache | Self::Sgx => {
                Some(RecipientClass::SymmetricOrLocal)
            }
            Self::XWing => Some(RecipientClass::PostQuantumPublicKey),
            Self::X25519 | Self::Pkcs11 => Some(RecipientClass::ClassicalPublicKey),
            Self::KeyService | Self::Tpm2 | Self::Tpm2Passphrase | Self::License => None,
        }
    }

    /// Returns whether such a stanza withstands a quantum computer, or `None` if that depends on
    /// the recipient.
    pub const fn is_post_quantum(self) -> Option<bool> {
        match self {
            Self::Tpm2 | Self::Tpm2Passphrase | Self::X25519 | Self::Pkcs11 => Some(false),
            Self::KeyService | Self::License => None,
            Self::Passphrase | Self::KeyFile | Self::CompileCache | Self::XWing | Self::Sgx => Some(true),
        }
    }

    /// Returns true if only a holder of the secret itself can create such a stanza.
    pub const fn is_shared_secret(self) -> bool {
        match self {
            Self::Passphrase | Self::KeyFile => true,
            Self::CompileCache | Self::XWing | Self::X25519 | Self::KeyService => false,
            Self::Tpm2 | Self::Tpm2Passphrase | Self::Pkcs11 | Self::Sgx | Self::License => false,
        }
    }

    /// Returns true if hardware holds the key.
    pub const fn is_hardware(self) -> bool {
        match self {
            Self::Tpm2 | Self::Tpm2Passphrase | Self::Pkcs11 | Self::Sgx => true,
            Self::Passphrase | Self::KeyFile | Self::CompileCache => false,
            Self::XWing | Self::X25519 | Self::KeyService | Self::License => false,
        }
    }

    /// Returns the bytes that no two stanzas of this kind may share, or `None` if there are none.
    ///
    /// This limits the number of key derivations from a passphrase. A stanza too short to identify
    /// its device is unusable and conflicts with no other.
    pub(crate) fn derivation_slot(self, parameters: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Passphrase => Some(&[]),
            Self::Tpm2Passphrase => parameters.get(TPM2_PASSPHRASE_DEVICE),
            Self::KeyFile | Self::CompileCache | Self::XWing | Self::X25519 => None,
            Self::KeyService | Self::Tpm2 | Self::Pkcs11 | Self::Sgx | Self::License => None,
        }
    }
}

/// Returns true if `classes` has both post-quantum and classical public keys.
pub fn are_mixed(classes: impl IntoIterator<Item = RecipientClass>) -> bool {
    let classes: Vec<RecipientClass> = classes.into_iter().collect();
    classes.contains(&RecipientClass::PostQuantumPublicKey)
        && classes.contains(&RecipientClass::ClassicalPublicKey)
}

/// Position of the device's id in the parameters of a `tpm2-passphrase` stanza (§1.2).
///
/// The id follows the salt, the Argon2id cost and the version.
const TPM2_PASSPHRASE_DEVICE: std::ops::Range<usize> = 45..77;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in StanzaKind::ALL {
            assert_eq!(StanzaKind::parse(kind.word()), Some(kind));
        }
        assert_eq!(StanzaKind::parse("licence"), None);
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
