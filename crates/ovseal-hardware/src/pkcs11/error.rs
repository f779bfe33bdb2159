//! Errors of using a token.

use std::path::PathBuf;

use cryptoki::error::{Error, RvError};
use ovseal::ErrorKind;

use super::{KeyUse, Tries};

/// Errors of using a token. No message contains a PIN or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The module cannot be loaded.
    #[error("cannot load the PKCS#11 module {}", path.display())]
    Module {
        /// The module's file.
        path: PathBuf,
        /// The cause.
        source: Error,
    },
    /// This process has loaded another module.
    #[error("this process already uses the PKCS#11 module {}", loaded.display())]
    OtherModule {
        /// The loaded module.
        loaded: PathBuf,
    },
    /// No token fits the URI.
    #[error("no token fits {uri}")]
    NoToken {
        /// The caller's description.
        uri: String,
    },
    /// Several tokens fit the URI.
    #[error("{count} tokens fit {uri}")]
    AmbiguousToken {
        /// The caller's description.
        uri: String,
        /// Number of tokens.
        count: usize,
    },
    /// The token requires a PIN, and none was given.
    #[error("the token {label} requires a PIN")]
    PinNeeded {
        /// The token's label.
        label: String,
    },
    /// The PIN is empty, too long, not UTF-8, or contains a NUL. No token accepts such a PIN.
    #[error("a PIN has 1 to 255 bytes of UTF-8 without a NUL")]
    PinForm,
    /// The token rejected the PIN.
    #[error("wrong PIN for the token {label}{}", tries.warning())]
    PinWrong {
        /// The token's label.
        label: String,
        /// The remaining tries, as reported by the token.
        tries: Tries,
    },
    /// The token no longer accepts any PIN, after too many wrong ones.
    #[error("the PIN is locked after too many wrong tries")]
    PinLocked,
    /// No key of the token fits the URI.
    #[error("the token has no key that fits {uri}")]
    NoKey {
        /// The caller's description.
        uri: String,
    },
    /// Several keys of the token fit the URI.
    #[error("{count} keys of the token fit {uri}")]
    AmbiguousKey {
        /// The caller's description.
        uri: String,
        /// Number of keys.
        count: usize,
    },
    /// The key that fits the URI is not for the intended use.
    #[error("the key that fits {uri} is not {wanted}")]
    KeyKind {
        /// The caller's description.
        uri: String,
        /// The intended use.
        wanted: KeyUse,
    },
    /// The token shows no public key for the private one.
    #[error("the token shows no public key for the private key that fits {uri}")]
    NoPublicKey {
        /// The caller's description.
        uri: String,
    },
    /// The key to create already exists.
    #[error("the token already has a key that fits {uri}")]
    KeyExists {
        /// The caller's description.
        uri: String,
    },
    /// A new key needs a label.
    #[error("a new key needs a label: the URI has no object")]
    NoLabel,
    /// The token was removed, or its key was deleted.
    #[error("the token was removed")]
    Removed,
    /// The token did not answer before the deadline.
    #[error("the token did not answer in time")]
    Unanswered,
    /// The token rejected an operation.
    #[error("the token could not {operation}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// The module's error.
        source: Error,
    },
    /// The operating system could not start a thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The operating system provided no random numbers.
    #[error("the operating system provided no random numbers")]
    Randomness,
}

impl TokenError {
    /// Returns the kind of the error, which says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::OtherModule { .. } | Self::AmbiguousToken { .. } | Self::AmbiguousKey { .. } => {
                ErrorKind::Usage
            }
            Self::PinForm | Self::PinNeeded { .. } | Self::KeyExists { .. } | Self::NoLabel => {
                ErrorKind::Usage
            }
            Self::PinWrong { .. } | Self::PinLocked => ErrorKind::NoKeyFits,
            Self::NoKey { .. } | Self::KeyKind { .. } | Self::NoPublicKey { .. } => ErrorKind::NoKeyFits,
            Self::Module { .. } | Self::NoToken { .. } | Self::Removed | Self::Unanswered => {
                ErrorKind::Environment
            }
            Self::Refused { .. } | Self::Thread(_) | Self::Randomness => ErrorKind::Environment,
        }
    }

    /// Wraps the error of a module's function called for `operation`.
    pub(super) fn of(operation: &'static str) -> impl FnOnce(Error) -> Self {
        move |source| match source {
            Error::Pkcs11(code, _) if is_removal(code) => Self::Removed,
            Error::Pkcs11(RvError::PinLocked, _) => Self::PinLocked,
            source => Self::Refused { operation, source },
        }
    }
}

/// Returns whether a code means that the token, or an object on it, is gone.
fn is_removal(code: RvError) -> bool {
    use RvError::{
        DeviceRemoved, KeyHandleInvalid, ObjectHandleInvalid, SessionClosed, SessionHandleInvalid,
        SlotIdInvalid, TokenNotPresent, TokenNotRecognized,
    };
    matches!(
        code,
        DeviceRemoved
            | KeyHandleInvalid
            | ObjectHandleInvalid
            | SessionClosed
            | SessionHandleInvalid
            | SlotIdInvalid
            | TokenNotPresent
            | TokenNotRecognized
    )
}
