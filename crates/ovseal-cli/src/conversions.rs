//! The libraries' errors as errors of a command: whose fault, and what helps.

use std::io;

use ovseal::{
    DeviceSecretError, ErrorKind, KeyError, ModelError, ModelNameError, OpenError, RandomnessError,
    RekeyError, RollbackError, SealError,
};
#[cfg(feature = "pkcs11")]
use ovseal_hardware::pkcs11::{TokenError, UriError};
use ovseal_hardware::sgx::EnclaveError;
use ovseal_hardware::tpm2::{ApprovalError, DeviceError, DeviceRecipientError, PcrListError, TpmError};
use ovseal_memory::MemoryError;
use ovseal_openvino::ConvertError;

use crate::error::{CommandError, Kind};
use crate::hints;

impl From<ErrorKind> for Kind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Environment => Self::Environment,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::NotAuthentic => Self::NotAuthentic,
            ErrorKind::NoKeyFits => Self::NoKeyFits,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Unsupported => Self::Unsupported,
        }
    }
}

impl From<OpenError> for CommandError {
    fn from(error: OpenError) -> Self {
        let (kind, hints) = (error.kind().into(), hints::open(&error));
        Self::new(kind, error).hints(hints)
    }
}

impl From<SealError> for CommandError {
    fn from(error: SealError) -> Self {
        let (kind, hints) = (error.kind().into(), hints::seal(&error));
        Self::new(kind, error).hints(hints)
    }
}

impl From<ModelError> for CommandError {
    fn from(error: ModelError) -> Self {
        let (kind, hints) = (error.kind().into(), hints::model(&error));
        Self::new(kind, error).hints(hints)
    }
}

impl From<ConvertError> for CommandError {
    fn from(error: ConvertError) -> Self {
        let (kind, hints) = (error.kind().into(), hints::convert(&error));
        Self::new(kind, error).hints(hints)
    }
}

impl From<RekeyError> for CommandError {
    fn from(error: RekeyError) -> Self {
        match error {
            RekeyError::Open(error) => error.into(),
            // The library counts from 0, people from 1.
            RekeyError::NoSuchStanza(number) => no_such_stanza(number + 1),
            error => {
                let (kind, hints) = (error.kind().into(), hints::rekey(&error));
                Self::new(kind, error).hints(hints)
            }
        }
    }
}

impl From<RollbackError> for CommandError {
    fn from(error: RollbackError) -> Self {
        match error {
            RollbackError::Write { source, path } if source.kind() == io::ErrorKind::AlreadyExists => {
                exists(&path.display())
            }
            error => OpenError::from(error).into(),
        }
    }
}

impl From<DeviceSecretError> for CommandError {
    fn from(error: DeviceSecretError) -> Self {
        Self::new(error.kind().into(), error)
    }
}

impl From<TpmError> for CommandError {
    fn from(error: TpmError) -> Self {
        let (kind, hints) = (error.kind().into(), hints::tpm(&error));
        Self::new(kind, error).hints(hints)
    }
}

impl From<DeviceError> for CommandError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Tpm(error) => error.into(),
            DeviceError::NotEnrolled { .. } => Self::new(Kind::NoKeyFits, error)
                .hint("make the device's keys once with: ovseal device enroll"),
            DeviceError::Enrolled { .. } => Self::new(Kind::Usage, error)
                .hint("ovseal device status shows its recipient; --state DIR names another folder"),
            DeviceError::Damaged { .. } => Self::new(Kind::NotAuthentic, error)
                .hint("restore the file from a backup, or open with another key and enroll the device anew"),
            error => Self::new(Kind::Environment, error),
        }
    }
}

impl From<DeviceRecipientError> for CommandError {
    fn from(error: DeviceRecipientError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

impl From<PcrListError> for CommandError {
    fn from(error: PcrListError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

impl From<ApprovalError> for CommandError {
    fn from(error: ApprovalError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

impl From<KeyError> for CommandError {
    fn from(error: KeyError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

impl From<ModelNameError> for CommandError {
    fn from(error: ModelNameError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

impl From<RandomnessError> for CommandError {
    fn from(error: RandomnessError) -> Self {
        Self::new(Kind::Environment, error)
    }
}

impl From<MemoryError> for CommandError {
    fn from(error: MemoryError) -> Self {
        Self::new(Kind::Environment, error)
    }
}

#[cfg(feature = "pkcs11")]
impl From<TokenError> for CommandError {
    fn from(error: TokenError) -> Self {
        let (kind, hints) = (error.kind().into(), hints::token(&error));
        Self::new(kind, error).hints(hints)
    }
}

#[cfg(feature = "pkcs11")]
impl From<UriError> for CommandError {
    fn from(error: UriError) -> Self {
        let hint = hints::uri(&error);
        Self::new(Kind::Usage, error).hints(hint)
    }
}

impl From<EnclaveError> for CommandError {
    fn from(error: EnclaveError) -> Self {
        Self::new(Kind::Environment, error)
    }
}

/// A stanza's number, counted from 1, that no stanza has.
pub(crate) fn no_such_stanza(number: usize) -> CommandError {
    CommandError::usage(format!("the container has no stanza {number}")).hint(hints::INSPECT_STANZAS)
}

/// An output that is there already and that the command never replaces.
pub(crate) fn exists(path: &dyn std::fmt::Display) -> CommandError {
    CommandError::usage(format!("{path} exists already"))
}

/// A file that cannot be written.
pub(crate) fn cannot_write(path: &dyn std::fmt::Display, error: io::Error) -> CommandError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return exists(path);
    }
    let hint = hints::write(&error);
    CommandError::new(Kind::Environment, error).context(format!("cannot write {path}")).hints(hint)
}

#[cfg(test)]
mod tests {
    use ovseal::WrapError;

    use super::*;

    #[test]
    fn a_weak_public_key_is_the_callers_mistake_when_sealing_and_when_rekeying() {
        let sealing = CommandError::from(SealError::Wrap(WrapError::WeakPublicKey));
        let rekeying = CommandError::from(RekeyError::Wrap(WrapError::WeakPublicKey));
        assert_eq!([sealing.code(), rekeying.code()], [2, 2]);
    }
}
