//! The error type that all tasks share.

use std::fmt;
use std::path::Path;

/// An error message, with a remedy if there is one.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    remedy: Option<String>,
}

impl Failure {
    /// Creates a failure from a sentence in lower case without a full stop.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), remedy: None }
    }

    /// Creates a failure from a failed file operation.
    pub(crate) fn file(action: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("cannot {action} {}: {error}", path.display()))
    }

    /// Adds a hint for the reader.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Prefixes the name of the failed step.
    pub(crate) fn in_step(mut self, name: &str) -> Self {
        self.sentence = format!("step \"{name}\" failed: {}", self.sentence);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "xtask: error: {}", self.sentence)?;
        match &self.remedy {
            Some(remedy) => writeln!(f, "xtask: hint: {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_step_and_the_remedy() {
        let failure = Failure::new("python3 was not found").remedy("install python3").in_step("packages");
        assert_eq!(
            failure.to_string(),
            "xtask: error: step \"packages\" failed: python3 was not found\nxtask: hint: install python3\n"
        );
    }
}
