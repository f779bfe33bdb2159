//! A model that is a single file with its companions.

use std::io::ErrorKind;
use std::path::Path;

use ovseal_format::manifest::{PartEntry, PartKind};
use ovseal_format::part_path::PartPath;

use super::companions::{check_weights, references, weights_extension};
use super::compiled::is_compiled;
use super::onnx::{self, OnnxError};
use super::selection::Selection;
use super::source::{Part, Source, part};
use super::{Model, ModelError, ModelOptions, PathOnlyFormat, kind_of};

/// Finds the model in the file at `path`, with its companions unless `options` exclude them.
pub(super) fn find(path: &Path, options: &ModelOptions) -> Result<Model, ModelError> {
    let name =
        path.file_name().and_then(|name| name.to_str()).ok_or(ModelError::Name { path: path.into() })?;
    let part_path = PartPath::parse(name)?;
    let source = Source::find(path, true)?;
    let start = source.start()?;
    let kind = kind_of(&part_path);
    let kind =
        if kind == PartKind::File && is_compiled(&part_path, &start) { PartKind::Compiled } else { kind };
    if !kind.fits(&start) || (kind.is_model() && start.is_empty()) {
        return Err(ModelError::Content { path: path.into(), kind });
    }
    let path_only =
        PathOnlyFormat::of(&part_path, &start).filter(|_| kind == PartKind::File && !options.only);
    if let Some(format) = path_only {
        return Err(ModelError::PathOnly { path: path.into(), format });
    }
    let mut parts = vec![part(part_path, kind, source)];
    if kind == PartKind::Onnx {
        add_external_data(path, &mut parts, options)?;
    }
    if let Some(extension) = weights_extension(kind).filter(|_| !options.only) {
        add_weights(path, extension, &mut parts)?;
    }
    parts.iter().try_for_each(|(_, source)| source.refuse_git_lfs())?;
    if let [topology, weights] = &parts[..] {
        check_weights(kind, topology, weights)?;
    }
    parts[0].0.companions = (1..parts.len()).collect();
    Model::new(path, parts, path.file_stem())
}

fn add_weights(topology: &Path, extension: &str, parts: &mut Vec<Part>) -> Result<(), ModelError> {
    let weights = topology.with_extension(extension);
    let missing = || ModelError::MissingWeights { topology: topology.into(), weights: weights.clone() };
    let source = Source::find(&weights, true).map_err(|error| if_missing(error, missing))?;
    let path = parts[0].0.path.with_extension(extension);
    let path = path.ok_or_else(|| ModelError::Name { path: weights.clone() })?;
    parts.push(part(path, PartKind::Weights, source));
    Ok(())
}

fn add_external_data(model: &Path, parts: &mut Vec<Part>, options: &ModelOptions) -> Result<(), ModelError> {
    let selection = Selection::new(options)?;
    let refused = ModelError::onnx(model);
    let references = references(&parts[0])?;
    for path in onnx::named_parts(&references, &parts[0].0.path).map_err(&refused)? {
        let missing = || refused(OnnxError::MissingFile { path: path.clone() });
        if options.only || !selection.takes_nested(path.as_str().as_ref()) {
            return Err(missing());
        }
        let directory = model.parent().unwrap_or(Path::new(""));
        let source = companion(directory, &path, options).map_err(|error| if_missing(error, missing))?;
        parts.push(part(path, PartKind::Weights, source));
    }
    let entries: Vec<&PartEntry> = parts.iter().map(|(entry, _)| entry).collect();
    onnx::check_references(&references, &entries[0].path, &entries[1..]).map_err(&refused)
}

/// Finds the file at `path` in the model's directory. No link may lead out of the directory, unless
/// links are followed.
fn companion(directory: &Path, path: &PartPath, options: &ModelOptions) -> Result<Source, ModelError> {
    let path = Path::new(path.as_str());
    let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    for above in above.filter(|_| !options.follow_symlinks).map(|above| directory.join(above)) {
        if above.is_symlink() {
            return Err(ModelError::Symlink { path: above });
        }
    }
    Source::find(&directory.join(path), options.follow_symlinks)
}

/// Replaces an error if it says that a file does not exist.
fn if_missing(error: ModelError, missing: impl FnOnce() -> ModelError) -> ModelError {
    match error {
        ModelError::Read { source, .. } if source.kind() == ErrorKind::NotFound => missing(),
        error => error,
    }
}
