//! A failure in the form that every language can show.

use std::iter;

use crate::{Code, Explain, FrontEnd};

/// The failure of a call. It contains no secrets and none of a model's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The number of the failure.
    pub code: Code,
    /// The failure in a sentence, without its causes.
    pub message: String,
    /// Advice, if a remedy is known.
    pub hint: Option<String>,
    /// The causes, the nearest first.
    pub causes: Vec<String>,
}

impl Failure {
    /// Creates a failure with the binding's own message.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, causes: Vec::new() }
    }

    /// Sets the advice.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Sets the only cause.
    #[must_use]
    pub fn caused_by(self, error: impl ToString) -> Self {
        Self { causes: vec![error.to_string()], ..self }
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        let causes = iter::successors(error.source(), |cause| (*cause).source());
        Self {
            causes: causes.map(ToString::to_string).collect(),
            hint: error.hint(FrontEnd::Library),
            ..Self::new(error.code(), error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use ovseal::OpenError;

    use super::*;
    use crate::Kind;

    #[test]
    fn a_failure_has_number_message_causes_and_advice() {
        let source = std::io::Error::from_raw_os_error(2);
        let failure = Failure::from(OpenError::Read { what: "model.ovseal".to_owned(), source });
        assert_eq!((failure.code.number(), failure.code.kind()), (101, Kind::Environment));
        assert_eq!(failure.message, "cannot read model.ovseal");
        assert_eq!(failure.causes, ["No such file or directory (os error 2)"]);
        let failure = Failure::from(OpenError::Truncated);
        assert_eq!(failure.hint.as_deref(), Some("the file may be incomplete: download or copy it again"));
        assert!(failure.causes.is_empty());
    }
}
