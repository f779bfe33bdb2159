//! A model before it is sealed: which files belong to it, and what they are.

mod compiled;
mod extents;
mod folder;
pub mod ir;
pub mod onnx;
pub mod paddle;
mod path_only;
mod private_key;
mod selection;
mod single;
mod source;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal_files::FileIdentity;
use ovseal_format::error_kind::ErrorKind;
use ovseal_format::layout::PART_LIMIT;
use ovseal_format::manifest::{ModelName, PartEntry, PartKind};
use ovseal_format::part_path::{self, PartPath, PathError};

pub use compiled::CompiledBlob;
pub(crate) use compiled::{time_hint, time_hints};
use ir::{IrError, Topology};
use onnx::OnnxError;
use paddle::PaddleError;
pub use path_only::PathOnlyFormat;
pub(crate) use source::{Source, SourceReader};

/// The files of a model, ready to be sealed.
///
/// A model is one file with its companions (`.xml` brings its `.bin`, `.pdmodel` its `.pdiparams`, `.onnx` its external
/// data), or a folder, of which every regular file becomes a part. Bytes in memory can be a model, too.
#[derive(Debug)]
pub struct Model {
    pub(crate) parts: Vec<(PartEntry, Source)>,
    stem: String,
    left_out: Vec<PathBuf>,
}

/// How the files of a model are found.
///
/// Of a folder, some names are left out that no model needs: `.git`, `.cache`, `.ipynb_checkpoints`, `__pycache__`,
/// `.DS_Store`, `.env` and `*.ovseal*`. So is what a file `.ovsealignore` in the folder or below it names, in the syntax of
/// gitignore; such a file can also bring a name back. A private key is never part of a model.
#[derive(Clone, Debug, Default)]
pub struct ModelOptions {
    /// Take exactly the one file that is named, without companions, also where OpenVINO could not read it from memory.
    pub only: bool,
    /// Follow symbolic links inside the model instead of refusing them.
    pub follow_symlinks: bool,
    /// Leave out what these patterns match in a folder, in the syntax of gitignore. They outrank everything else.
    pub exclude: Vec<String>,
    /// Take every file of a folder, except for [`exclude`](Self::exclude): also the names that are usually left out, what
    /// an ignore file names, and a file that only looks like a key file.
    pub include_everything: bool,
}

/// Files are no model that can be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The weights that belong to a topology are not beside it.
    #[error("{} belongs to {} and is missing", weights.display(), topology.display())]
    MissingWeights {
        /// The topology.
        topology: PathBuf,
        /// What is missing.
        weights: PathBuf,
    },
    /// Something in the model is neither a file nor a folder.
    #[error("{} is neither a regular file nor a folder", path.display())]
    NotRegular {
        /// What it is.
        path: PathBuf,
    },
    /// A symbolic link stands in the model.
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
    /// A file's path cannot stand in a container.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is no file.
    #[error("{} holds no file", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// All files of a folder are left out.
    #[error("every file in {} is left out", path.display())]
    AllLeftOut {
        /// The folder.
        path: PathBuf,
    },
    /// A pattern excludes nothing, or is malformed.
    #[error("{pattern:?} is not a pattern that excludes files")]
    Pattern {
        /// The pattern.
        pattern: String,
    },
    /// An ignore file is malformed.
    #[error("{} is not a list of patterns{}", path.display(), in_line(*line))]
    IgnoreFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 for the whole file, if it is not UTF-8 or too long.
        line: usize,
    },
    /// A file is a private key.
    #[error("{} is {kind}", path.display())]
    PrivateKey {
        /// The file.
        path: PathBuf,
        /// What kind of key, in words.
        kind: &'static str,
    },
    /// There are more files than a container holds.
    #[error("{} holds more than {PART_LIMIT} files", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// Folders lie in each other too deeply, or a link leads into its own parent.
    #[error("{} lies more than 64 folders deep", path.display())]
    TooDeep {
        /// The folder.
        path: PathBuf,
    },
    /// A whole folder was given where one file was demanded.
    #[error("{} is a folder, not one file", path.display())]
    FolderNotFile {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not what its extension says.
    #[error("{} is no {} model", path.display(), kind.word())]
    Content {
        /// The file.
        path: PathBuf,
        /// What its extension says.
        kind: PartKind,
    },
    /// OpenVINO could not read the model from memory.
    #[error("{} is a {format} model, which OpenVINO reads from a path only, not from memory", path.display())]
    PathOnly {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: PathOnlyFormat,
    },
    /// An ONNX model is malformed or refers to what it must not.
    #[error("{} cannot be sealed", path.display())]
    Onnx {
        /// The model.
        path: PathBuf,
        /// Why.
        source: onnx::OnnxError,
    },
    /// An IR is damaged, or does not agree with its weights.
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
    /// A file is a pointer of Git LFS instead of the content that it stands for.
    #[error("{} is a pointer of Git LFS, not the file itself", path.display())]
    GitLfsPointer {
        /// The file.
        path: PathBuf,
    },
}

impl ModelError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } | Self::MissingWeights { .. } => ErrorKind::Environment,
            Self::Onnx { source: OnnxError::MissingFile { .. } | OnnxError::Read(_), .. }
            | Self::Paddle { source: PaddleError::Read(_), .. } => ErrorKind::Environment,
            Self::Content { .. }
            | Self::Onnx { .. }
            | Self::Ir { .. }
            | Self::Paddle { .. }
            | Self::GitLfsPointer { .. }
            | Self::NotRegular { .. }
            | Self::Symlink { .. }
            | Self::Name { .. } => ErrorKind::Usage,
            Self::PathOnly { .. } => ErrorKind::Unsupported,
            Self::AllLeftOut { .. } | Self::Pattern { .. } => ErrorKind::Usage,
            Self::IgnoreFile { .. } | Self::PrivateKey { .. } => ErrorKind::Usage,
            Self::Path(_)
            | Self::Empty { .. }
            | Self::TooMany { .. }
            | Self::TooDeep { .. }
            | Self::FolderNotFile { .. } => ErrorKind::Usage,
        }
    }
}

impl Model {
    /// Finds the files of the model at `path`.
    ///
    /// # Errors
    /// [`ModelError`] when a file is missing, cannot be read or may not be a part.
    pub fn find(path: &Path, options: ModelOptions) -> Result<Self, ModelError> {
        let metadata = std::fs::metadata(path).map_err(|source| read_error(path, source))?;
        let model = match (metadata.is_dir(), options.only) {
            (false, _) => single::find(path, &options)?,
            (true, true) => return Err(ModelError::FolderNotFile { path: path.into() }),
            (true, false) => folder::find(path, &options)?,
        };
        private_key::refuse(&model.parts, !options.include_everything)?;
        Ok(model)
    }

    /// Makes a model of one part, which is no network, from bytes in memory.
    ///
    /// They are read chunk by chunk when the model is sealed: no copy of all of them is made.
    pub fn in_memory(path: PartPath, bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Self {
        let parts = vec![part(path, PartKind::File, Source::Memory(bytes))];
        Self { parts, stem: String::new(), left_out: Vec::new() }
    }

    /// Makes an IR from a topology and its weights in memory, which are called `name` with the extensions `.xml` and `.bin`.
    ///
    /// They are read chunk by chunk when the model is sealed: no copy of all of them is made.
    ///
    /// # Errors
    /// [`ModelError::Path`] for a name that cannot stand in a container, [`ModelError::Content`] when the topology is none,
    /// [`ModelError::Ir`] when it does not agree with the weights.
    pub fn ir_in_memory(
        name: &str,
        topology: Arc<dyn AsRef<[u8]> + Send + Sync>,
        weights: Arc<dyn AsRef<[u8]> + Send + Sync>,
    ) -> Result<Self, ModelError> {
        let (path, kind) = (PartPath::parse(&format!("{name}.xml"))?, PartKind::Ir);
        if !kind.fits((*topology).as_ref()) {
            return Err(ModelError::Content { path: path.as_str().into(), kind });
        }
        let weights_path = PartPath::parse(&format!("{name}.bin"))?;
        let mut parts = vec![
            part(path, kind, Source::Memory(topology)),
            part(weights_path, PartKind::Weights, Source::Memory(weights)),
        ];
        parts[0].0.companions = vec![1];
        check_ir(&parts[0], &parts[1])?;
        Ok(Self { parts, stem: name.to_owned(), left_out: Vec::new() })
    }

    /// A name for the model when the publisher gives none: that of the file or folder, without extension.
    pub fn default_name(&self) -> Option<ModelName> {
        ModelName::parse(&self.stem).ok()
    }

    /// The parts in the order in which they will stand in the container.
    pub fn parts(&self) -> impl Iterator<Item = &PartEntry> {
        self.parts.iter().map(|(entry, _)| entry)
    }

    /// The length of all parts together in bytes.
    pub fn total_length(&self) -> u64 {
        self.parts().map(|part| part.length).sum()
    }

    /// The files and folders that were left out of the model's folder, by their paths in it.
    ///
    /// Of a folder that was left out, only the folder itself is listed.
    pub fn left_out(&self) -> impl Iterator<Item = &Path> {
        self.left_out.iter().map(PathBuf::as_path)
    }

    /// Returns the model's own file that is this one, if there is one.
    pub fn file(&self, identity: FileIdentity) -> Option<&Path> {
        self.parts.iter().find_map(|(_, source)| source.named(identity))
    }

    /// Whether `path` is one of the model's own files.
    pub fn contains_file(&self, path: &Path) -> bool {
        FileIdentity::of(path).is_ok_and(|identity| self.file(identity).is_some())
    }

    fn new(path: &Path, parts: Vec<(PartEntry, Source)>, stem: Option<&OsStr>) -> Result<Self, ModelError> {
        if parts.len() > PART_LIMIT {
            return Err(ModelError::TooMany { path: path.into() });
        }
        debug_assert!(part_path::are_distinct(parts.iter().map(|(entry, _)| &entry.path)));
        let stem = stem.and_then(OsStr::to_str).unwrap_or_default().to_owned();
        Ok(Self { parts, stem, left_out: Vec::new() })
    }
}

/// Says where in an ignore file a mistake is.
fn in_line(line: usize) -> String {
    if line == 0 { String::new() } else { format!(": line {line}") }
}

/// A part of this kind from the file at `path`.
fn part(path: PartPath, kind: PartKind, source: Source) -> (PartEntry, Source) {
    (PartEntry { path, kind, length: source.length(), companions: Vec::new() }, source)
}

/// The kind of a file by its extension, if nothing else is known of it.
fn kind_of(path: &PartPath) -> PartKind {
    match path.extension().as_str() {
        "xml" => PartKind::Ir,
        "onnx" => PartKind::Onnx,
        "pdmodel" => PartKind::Paddle,
        "blob" => PartKind::Compiled,
        _ => PartKind::File,
    }
}

/// The extension of the weights that stand beside a topology of this kind.
const fn weights_extension(kind: PartKind) -> Option<&'static str> {
    match kind {
        PartKind::Ir => Some("bin"),
        PartKind::Paddle => Some("pdiparams"),
        _ => None,
    }
}

/// Refuses what Git LFS leaves in the place of a file whose content was not fetched.
fn refuse_git_lfs(source: &Source) -> Result<(), ModelError> {
    let path = source.path();
    let start = source.start().map_err(|error| read_error(path, error))?;
    let is_pointer = start.starts_with(b"version https://git-lfs.github.com/spec/");
    if is_pointer { Err(ModelError::GitLfsPointer { path: path.to_owned() }) } else { Ok(()) }
}

/// Checks that weights are those of their topology, as far as it shows.
fn check_weights(
    kind: PartKind,
    topology: &(PartEntry, Source),
    weights: &(PartEntry, Source),
) -> Result<(), ModelError> {
    match kind {
        PartKind::Ir => check_ir(topology, weights),
        PartKind::Paddle => check_paddle(weights),
        _ => Ok(()),
    }
}

fn check_paddle((entry, source): &(PartEntry, Source)) -> Result<(), ModelError> {
    let path = source.path();
    let reader = source.open().map_err(|error| read_error(path, error))?;
    let read = |offset, count| {
        let mut bytes = vec![0; count];
        reader.read_exact_at(&mut bytes, offset).map(|()| bytes)
    };
    paddle::check_parameters(entry.length, read)
        .map_err(|source| ModelError::Paddle { path: path.into(), source })
}

/// Checks that the constants of an IR agree with themselves and lie inside its weights.
fn check_ir(topology: &(PartEntry, Source), weights: &(PartEntry, Source)) -> Result<(), ModelError> {
    let path = topology.1.path();
    let read = |source: &Source, start: u64, length: u64| {
        source.read(start, length).map_err(|error| read_error(source.path(), error))
    };
    let refused = |source| ModelError::Ir { path: path.to_owned(), source };
    let bytes = read(&topology.1, 0, topology.0.length)?;
    let network = Topology::parse(&bytes).map_err(refused)?;
    network.check_length(weights.0.length).map_err(refused)?;
    let tables = network.string_tables().map(|(constant, table)| {
        let table = read(&weights.1, table.start, table.end - table.start)?;
        constant.check(&table).map_err(refused)
    });
    tables.collect()
}

fn read_error(path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Read { path: path.into(), source }
}

fn onnx_error(path: &Path) -> impl FnOnce(onnx::OnnxError) -> ModelError {
    let path = path.to_owned();
    move |source| ModelError::Onnx { path, source }
}
