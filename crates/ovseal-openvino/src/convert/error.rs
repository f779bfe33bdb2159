//! Errors of conversion.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use ovseal::ErrorKind;
use rustix::io::Errno;

/// The error for a model that could not be converted to IR.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// Python is not installed.
    #[error("python3 is not in PATH: its package openvino is needed to convert models")]
    NoInterpreter,
    /// OpenVINO's Python package is not installed.
    #[error("{} lacks the package openvino, which is needed to convert models", interpreter.display())]
    NoPackage {
        /// The interpreter.
        interpreter: PathBuf,
    },
    /// The converter could not be run.
    #[error("cannot run the converter")]
    Run(#[from] io::Error),
    /// There is not enough memory for the result.
    #[error("not enough memory for the converted model")]
    Memory(#[from] Errno),
    /// The converter rejected the model.
    #[error("OpenVINO cannot convert the model: {message}")]
    Refused {
        /// Its message, in one line.
        message: String,
    },
    /// The converter failed for a reason other than the model: it lacked memory, a `tmpfs` or a
    /// module.
    #[error("the converter failed: {message}")]
    Failed {
        /// Its message, in one line.
        message: String,
    },
    /// The converter exited without a message.
    #[error("the converter failed: {status}")]
    Ended {
        /// Its exit status.
        status: ExitStatus,
    },
}

impl ConvertError {
    /// Returns the kind of the error, which says whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Environment,
        }
    }

    /// Creates the error from the child's status and standard error. If the child exited, the last
    /// line explains why; a signal needs no explanation.
    pub(super) fn of(status: ExitStatus, told: &[u8]) -> Self {
        let told = String::from_utf8_lossy(told);
        match (status.code(), told.trim_end().lines().next_back()) {
            (Some(REFUSED), Some(message)) => Self::Refused { message: message.to_owned() },
            (Some(_), Some(message)) => Self::Failed { message: message.to_owned() },
            _ => Self::Ended { status },
        }
    }
}

/// The exit code of `child.py` if the converter rejected the model.
const REFUSED: i32 = 6;

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn the_last_line_explains_an_exit_and_a_signal_explains_itself() {
        let told = b"a warning\nRuntimeError: no translator\n";
        let refused = ConvertError::of(ExitStatus::from_raw(REFUSED << 8), told);
        assert_eq!(refused.to_string(), "OpenVINO cannot convert the model: RuntimeError: no translator");
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        let failed = ConvertError::of(ExitStatus::from_raw(1 << 8), told);
        assert_eq!(failed.to_string(), "the converter failed: RuntimeError: no translator");
        assert_eq!(failed.kind(), ErrorKind::Environment);
        let silent = ConvertError::of(ExitStatus::from_raw(REFUSED << 8), b"");
        assert_eq!(silent.to_string(), "the converter failed: exit status: 6");
        assert_eq!(silent.kind(), ErrorKind::Environment);
        let killed = ConvertError::of(ExitStatus::from_raw(9), told);
        assert!(matches!(killed, ConvertError::Ended { .. }) && killed.kind() == ErrorKind::Environment);
    }
}
