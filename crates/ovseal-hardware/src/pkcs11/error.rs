//! Why a token could not be used.

use std::path::PathBuf;

use cryptoki::error::{Error, RvError};
use ovseal::ErrorKind;

use super::{KeyUse, Tries};

/// A token could not be used. No message holds a PIN or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The module cannot be loaded.
    #[error("cannot load the PKCS#11 module {}", path.display())]
    Module {
        /// The module's file.
        path: PathBuf,
        /// Why.
        source: Error,
    },
    /// This process has loaded another module.
    #[error("this process uses the PKCS#11 module {} already", loaded.display())]
    OtherModule {
        /// The module that it has.
        loaded: PathBuf,
    },
    /// There is no token as the URI describes it.
    #[error("no token fits {uri}")]
    NoToken {
        /// The caller's description.
        uri: String,
    },
    /// Several tokens are as the URI describes.
    #[error("{count} tokens fit {uri}")]
    AmbiguousToken {
        /// The caller's description.
        uri: String,
        /// How many.
        count: usize,
    },
    /// The token wants a PIN and was given none.
    #[error("the token {label} wants a PIN")]
    PinNeeded {
        /// The token's label.
        label: String,
    },
    /// The PIN is not one that any token takes: empty, too long, or with a NUL.
    #[error("a PIN has 1 to 255 bytes of UTF-8 without a NUL")]
    PinForm,
    /// The token does not take this PIN.
    #[error("wrong PIN for the token {label}{}", tries.warning())]
    PinWrong {
        /// The token's label.
        label: String,
        /// What the token says of the tries that are left.
        tries: Tries,
    },
    /// The token takes no PIN any more, after too many wrong ones.
    #[error("the PIN is locked after too many wrong tries")]
    PinLocked,
    /// The token has no key as the URI describes it.
    #[error("the token has no key that fits {uri}")]
    NoKey {
        /// The caller's description.
        uri: String,
    },
    /// Several keys of the token are as the URI describes.
    #[error("{count} keys of the token fit {uri}")]
    AmbiguousKey {
        /// The caller's description.
        uri: String,
        /// How many.
        count: usize,
    },
    /// The key that the URI names cannot do what is wanted.
    #[error("the key that fits {uri} is not {wanted}")]
    KeyKind {
        /// The caller's description.
        uri: String,
        /// What is wanted.
        wanted: KeyUse,
    },
    /// The token shows no public key beside the private one.
    #[error("the token shows no public key for the private key that fits {uri}")]
    NoPublicKey {
        /// The caller's description.
        uri: String,
    },
    /// A key that was to be made is there already.
    #[error("the token has a key that fits {uri} already")]
    KeyExists {
        /// The caller's description.
        uri: String,
    },
    /// A key that is to be made needs a label.
    #[error("a new key needs a label: the URI has no object")]
    NoLabel,
    /// The token was taken away, or its key was deleted meanwhile.
    #[error("the token was removed")]
    Removed,
    /// The token does not answer.
    #[error("the token did not answer in time")]
    Unanswered,
    /// The token refused an operation.
    #[error("the token could not {operation}")]
    Refused {
        /// What it was to do.
        operation: &'static str,
        /// What the module said.
        source: Error,
    },
    /// The operating system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Randomness,
}

impl TokenError {
    /// Whose fault it is.
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

    /// The error of a module's function while it was to do `operation`.
    pub(super) fn of(operation: &'static str) -> impl FnOnce(Error) -> Self {
        move |source| match source {
            Error::Pkcs11(code, _) if is_removal(code) => Self::Removed,
            Error::Pkcs11(RvError::PinLocked, _) => Self::PinLocked,
            source => Self::Refused { operation, source },
        }
    }
}

/// Whether a code says that the token, or what was on it a moment ago, is gone.
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
