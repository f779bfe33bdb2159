//! A model before it is sealed: its files and their kinds.

mod companions;
mod compiled;
mod directory;
mod error;
mod extents;
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
use ovseal_format::layout::PART_LIMIT;
use ovseal_format::manifest::{ModelName, PartEntry, PartKind};
use ovseal_format::part_path::{self, PartPath};

pub use compiled::CompiledBlob;
pub(crate) use compiled::{time_hint, time_hints};
pub use error::ModelError;
pub use path_only::PathOnlyFormat;
use source::{Part, part};
pub(crate) use source::{Source, SourceReader};

/// The files of a model, ready to be sealed.
///
/// A model is one of these:
///
/// - a file with its companions: an `.xml` brings its `.bin`, a `.pdmodel` its `.pdiparams`,
///   an `.onnx` its external data;
/// - a directory, in which every regular file becomes a part;
/// - bytes in memory.
#[derive(Debug)]
pub struct Model {
    pub(crate) parts: Vec<Part>,
    stem: String,
    left_out: Vec<PathBuf>,
}

/// Options for finding the files of a model.
///
/// In a directory, some names that no model needs are left out: `.git`, `.cache`,
/// `.ipynb_checkpoints`, `__pycache__`, `.DS_Store`, `.env` and `*.ovseal*`. An `.ovsealignore`
/// file in the directory or below it leaves out more, in the syntax of gitignore. It can also bring
/// a name back. A private key is never part of a model.
#[derive(Clone, Debug, Default)]
pub struct ModelOptions {
    /// Take only the given file, without companions and without checking that OpenVINO can read it
    /// from memory.
    pub only: bool,
    /// Follow symbolic links inside the model instead of rejecting them.
    pub follow_symlinks: bool,
    /// Leave out files of a directory that match these gitignore patterns, which override all other
    /// rules.
    pub exclude: Vec<String>,
    /// Take every file of a directory that [`exclude`](Self::exclude) does not match.
    ///
    /// This includes the names that are usually left out, files that an ignore file matches, and
    /// a file that only looks like a key file.
    pub include_everything: bool,
}

impl Model {
    /// Finds the files of the model at `path`.
    ///
    /// # Errors
    /// [`ModelError`] if a file is missing, cannot be read or must not be a part.
    pub fn find(path: &Path, options: ModelOptions) -> Result<Self, ModelError> {
        let metadata = std::fs::metadata(path).map_err(ModelError::read(path))?;
        let model = match (metadata.is_dir(), options.only) {
            (false, _) => single::find(path, &options)?,
            (true, true) => return Err(ModelError::FolderNotFile { path: path.into() }),
            (true, false) => directory::find(path, &options)?,
        };
        private_key::refuse(&model.parts, !options.include_everything)?;
        Ok(model)
    }

    /// Creates a model of one part from bytes in memory. The part is a plain file, not a network.
    ///
    /// Sealing reads the bytes chunk by chunk, without copying all of them.
    pub fn in_memory(path: PartPath, bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Self {
        let parts = vec![part(path, PartKind::File, Source::Memory(bytes))];
        Self { parts, stem: String::new(), left_out: Vec::new() }
    }

    /// Creates an IR, with the parts `name.xml` and `name.bin`, from bytes in memory.
    ///
    /// Sealing reads the bytes chunk by chunk, without copying all of them.
    ///
    /// # Errors
    /// - [`ModelError::Path`] if `name` cannot be part of a path in a container;
    /// - [`ModelError::Content`] if `topology` is not XML;
    /// - [`ModelError::Ir`] if `topology` does not match the weights.
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
        companions::check_ir(&parts[0], &parts[1])?;
        Ok(Self { parts, stem: name.to_owned(), left_out: Vec::new() })
    }

    /// Returns the default name of the model: the name of its file without the extension, or the
    /// name of its directory.
    pub fn default_name(&self) -> Option<ModelName> {
        ModelName::parse(&self.stem).ok()
    }

    /// Returns the parts in the order of the container.
    pub fn parts(&self) -> impl Iterator<Item = &PartEntry> {
        self.parts.iter().map(|(entry, _)| entry)
    }

    /// Returns the length of all parts together, in bytes.
    pub fn total_length(&self) -> u64 {
        self.parts().map(|part| part.length).sum()
    }

    /// Returns the files and directories that were left out, relative to the model's directory.
    ///
    /// A directory that was left out is listed without its content.
    pub fn left_out(&self) -> impl Iterator<Item = &Path> {
        self.left_out.iter().map(PathBuf::as_path)
    }

    /// Returns the path of the model's file with this identity, if there is one.
    pub fn file(&self, identity: FileIdentity) -> Option<&Path> {
        self.parts.iter().find_map(|(_, source)| source.named(identity))
    }

    /// Returns whether `path` is one of the model's own files.
    pub fn contains_file(&self, path: &Path) -> bool {
        FileIdentity::of(path).is_ok_and(|identity| self.file(identity).is_some())
    }

    fn new(path: &Path, parts: Vec<Part>, stem: Option<&OsStr>) -> Result<Self, ModelError> {
        if parts.len() > PART_LIMIT {
            return Err(ModelError::TooMany { path: path.into() });
        }
        debug_assert!(part_path::are_distinct(parts.iter().map(|(entry, _)| &entry.path)));
        let stem = stem.and_then(OsStr::to_str).unwrap_or_default().to_owned();
        Ok(Self { parts, stem, left_out: Vec::new() })
    }
}

/// Returns the kind of topology that a file's extension indicates, otherwise [`PartKind::File`].
fn kind_of(path: &PartPath) -> PartKind {
    match path.extension().as_str() {
        "xml" => PartKind::Ir,
        "onnx" => PartKind::Onnx,
        "pdmodel" => PartKind::Paddle,
        _ => PartKind::File,
    }
}
