//! The error of finding a model's files.

use std::io;
use std::path::{Path, PathBuf};

use ovseal_format::error_kind::ErrorKind;
use ovseal_format::layout::PART_LIMIT;
use ovseal_format::manifest::PartKind;
use ovseal_format::part_path::PathError;

use super::PathOnlyFormat;
use super::ir::IrError;
use super::onnx::OnnxError;
use super::paddle::PaddleError;

/// The error for files that cannot be found, or must not be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The weights of a topology are not next to it.
    #[error("{} needs {}, which is missing", topology.display(), weights.display())]
    MissingWeights {
        /// The topology.
        topology: PathBuf,
        /// The missing weights.
        weights: PathBuf,
    },
    /// Something in the model is neither a file nor a directory.
    #[error("{} is neither a regular file nor a directory", path.display())]
    NotRegular {
        /// Its path.
        path: PathBuf,
    },
    /// The model contains a symbolic link.
    #[error("{} is a symbolic link", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A file's name is not UTF-8.
    #[error("the name of {} is not UTF-8", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A file's path is not a valid path of a part.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A directory has no files.
    #[error("{} contains no files", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// Every file of the directory was left out.
    #[error("every file in {} is left out", path.display())]
    AllLeftOut {
        /// The directory.
        path: PathBuf,
    },
    /// A pattern cannot exclude anything, or is malformed.
    #[error("{pattern:?} is not a pattern that excludes files")]
    Pattern {
        /// The pattern.
        pattern: String,
    },
    /// An ignore file is malformed.
    #[error("{} is not a valid ignore file{}", path.display(), at_line(*line))]
    IgnoreFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 if the whole file is not UTF-8 or too long.
        line: usize,
    },
    /// A file is a private key.
    #[error("{} is {kind}", path.display())]
    PrivateKey {
        /// The file.
        path: PathBuf,
        /// The kind of key, in words.
        kind: &'static str,
    },
    /// There are more files than a container can hold.
    #[error("{} contains more than {PART_LIMIT} files", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
    /// Directories are nested too deeply, or a link leads to one of its parents.
    #[error("{} is nested more than 64 directories deep", path.display())]
    TooDeep {
        /// The directory.
        path: PathBuf,
    },
    /// A directory was given where a single file is required.
    #[error("{} is a directory, not a single file", path.display())]
    FolderNotFile {
        /// The directory.
        path: PathBuf,
    },
    /// A file's content does not match its extension.
    #[error("{} is not a valid {} model", path.display(), kind.word())]
    Content {
        /// The file.
        path: PathBuf,
        /// The kind that its extension states.
        kind: PartKind,
    },
    /// OpenVINO cannot read the model from memory.
    #[error("{} is a {format} model, which OpenVINO can read only from a path, not from memory", path.display())]
    PathOnly {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: PathOnlyFormat,
    },
    /// An ONNX model is malformed or has a forbidden reference.
    #[error("{} cannot be sealed", path.display())]
    Onnx {
        /// The model.
        path: PathBuf,
        /// The reason.
        source: OnnxError,
    },
    /// An IR is damaged, or does not match its weights.
    #[error("{} cannot be sealed", path.display())]
    Ir {
        /// The topology.
        path: PathBuf,
        /// The line and the reason.
        source: IrError,
    },
    /// PaddlePaddle's parameters are damaged.
    #[error("{} cannot be sealed", path.display())]
    Paddle {
        /// The parameters.
        path: PathBuf,
        /// The tensor.
        source: PaddleError,
    },
    /// A file is a Git LFS pointer, whose content was not fetched.
    #[error("{} is a Git LFS pointer, not the file itself", path.display())]
    GitLfsPointer {
        /// The file.
        path: PathBuf,
    },
}

impl ModelError {
    /// Returns the kind of the error, which says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. }
            | Self::MissingWeights { .. }
            | Self::Onnx { source: OnnxError::MissingFile { .. } | OnnxError::Read(_), .. }
            | Self::Paddle { source: PaddleError::Read(_), .. } => ErrorKind::Environment,
            Self::PathOnly { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Usage,
        }
    }

    /// Returns a function that turns a failure to read `path` into an error.
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.into(), source }
    }

    /// Returns a function that turns a fault of the ONNX model at `path` into an error.
    pub(super) fn onnx(path: &Path) -> impl Fn(OnnxError) -> Self {
        move |source| Self::Onnx { path: path.into(), source }
    }
}

fn at_line(line: usize) -> String {
    if line == 0 { String::new() } else { format!(": line {line}") }
}
