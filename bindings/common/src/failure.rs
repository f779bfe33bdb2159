//! A failure in the form that every language can show.

use std::error::Error;
use std::iter;

use ovseal::{
    DeviceSecretError, KeyError, ModelError, ModelNameError, OpenError, RandomnessError, RekeyError,
    RollbackError, SealError,
};
use ovseal_hardware::tpm2::{DeviceError, DeviceRecipientError, TpmError};
use ovseal_memory::MemoryError;
use ovseal_openvino::{CacheError, NetworkError, SealedModelError};

use crate::{Code, hint};

/// A call failed. Nothing in it is secret, and nothing of a model's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub code: Code,
    /// The same in a sentence, without its causes.
    pub message: String,
    /// What helps, where something does.
    pub hint: Option<String>,
    /// The causes, the nearest first.
    pub causes: Vec<String>,
}

impl Failure {
    /// A failure that is said in a sentence of the binding's own.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, causes: Vec::new() }
    }

    /// A failure that an error of a library tells.
    #[must_use]
    pub fn of(code: Code, error: &dyn Error) -> Self {
        let causes = iter::successors(error.source(), |cause| (*cause).source());
        Self { causes: causes.map(ToString::to_string).collect(), ..Self::new(code, error.to_string()) }
    }

    /// Adds advice.
    #[must_use]
    pub fn with_hint(self, hint: Option<&str>) -> Self {
        Self { hint: hint.map(str::to_owned), ..self }
    }

    /// Message and causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        iter::once(&self.message).chain(&self.causes).map(String::as_str).collect::<Vec<_>>().join(": ")
    }
}

macro_rules! from {
    ($($error:ty => |$name:ident| $code:expr, $hint:expr;)*) => {
        $(impl From<$error> for Failure {
            fn from($name: $error) -> Self {
                Self::of($code, &$name).with_hint($hint)
            }
        })*
    };
}

from! {
    OpenError => |error| (&error).into(), hint::open(&error);
    SealError => |error| (&error).into(), hint::seal(&error);
    ModelError => |error| (&error).into(), hint::model(&error);
    RekeyError => |error| (&error).into(), hint::rekey(&error);
    RollbackError => |error| (&error).into(), hint::rollback(&error);
    SealedModelError => |error| (&error).into(), hint::sealed_model(&error);
    NetworkError => |error| (&error).into(), hint::network(&error);
    CacheError => |error| (&error).into(), None;
    DeviceSecretError => |error| Code::rest(error.kind()), None;
    TpmError => |error| Code::of_key_holder(error.kind()), hint::tpm(&error);
    DeviceError => |error| Code::of_device(&error), hint::device(&error);
    KeyError => |error| Code::BadKey, None;
    ModelNameError => |error| Code::Usage, None;
    DeviceRecipientError => |error| Code::BadKey, None;
    RandomnessError => |error| Code::Environment, None;
    MemoryError => |error| Code::Memory, None;
}

impl Code {
    fn of_key_holder(kind: ovseal::ErrorKind) -> Self {
        match kind {
            ovseal::ErrorKind::NoKeyFits => Self::Refused,
            ovseal::ErrorKind::Environment => Self::KeyHolder,
            kind => Self::rest(kind),
        }
    }

    fn of_device(error: &DeviceError) -> Self {
        match error {
            DeviceError::Tpm(error) => Self::of_key_holder(error.kind()),
            DeviceError::NotEnrolled { .. } => Self::NoKeyFits,
            DeviceError::Damaged { .. } => Self::NotAuthentic,
            _ => Self::Environment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn a_failure_tells_number_sentence_causes_and_advice() {
        let source = std::io::Error::from_raw_os_error(2);
        let failure = Failure::from(OpenError::Read { what: "model.ovseal".to_owned(), source });
        assert_eq!((failure.code.number(), failure.code.kind()), (101, Kind::Environment));
        assert_eq!(failure.chain(), "cannot read model.ovseal: No such file or directory (os error 2)");
        let failure = Failure::from(OpenError::Truncated);
        assert_eq!(failure.hint.as_deref(), Some("the download may be incomplete: copy the file again"));
        assert!(failure.causes.is_empty());
    }
}
