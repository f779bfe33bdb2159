//! A model that is named by one file.

use std::path::Path;

use ovseal_format::manifest::{PartEntry, PartKind};
use ovseal_format::part_path::PartPath;

use super::compiled::is_compiled;
use super::selection::Selection;
use super::{
    Model, ModelError, ModelOptions, PathOnlyFormat, Source, check_weights, kind_of, onnx, onnx_error, part,
    read_error, refuse_git_lfs, weights_extension,
};

/// The model in the file at `path`, with its companions unless told otherwise.
pub(super) fn find(path: &Path, options: &ModelOptions) -> Result<Model, ModelError> {
    let name =
        path.file_name().and_then(|name| name.to_str()).ok_or(ModelError::Name { path: path.into() })?;
    let part_path = PartPath::parse(name)?;
    let source = Source::find(path, true)?;
    let start = source.start().map_err(|source| read_error(path, source))?;
    let kind = kind_of(&part_path);
    let kind =
        if kind == PartKind::File && is_compiled(&part_path, &start) { PartKind::Compiled } else { kind };
    if !kind.fits(&start) || (kind.is_model() && start.is_empty()) {
        return Err(ModelError::Content { path: path.into(), kind });
    }
    if kind == PartKind::File && !options.only {
        refuse_path_only(path, &part_path, &start)?;
    }
    let mut parts = vec![part(part_path, kind, source)];
    if kind == PartKind::Onnx {
        add_external_data(path, &mut parts, options)?;
    }
    if let Some(extension) = weights_extension(kind).filter(|_| !options.only) {
        add_weights(path, extension, &mut parts)?;
    }
    parts.iter().try_for_each(|(_, source)| refuse_git_lfs(source))?;
    if let [topology, weights] = &parts[..] {
        check_weights(kind, topology, weights)?;
    }
    parts[0].0.companions = (1..parts.len()).collect();
    Model::new(path, parts, path.file_stem())
}

fn refuse_path_only(path: &Path, part_path: &PartPath, start: &[u8]) -> Result<(), ModelError> {
    match PathOnlyFormat::of(part_path, start) {
        Some(format) => Err(ModelError::PathOnly { path: path.into(), format }),
        None => Ok(()),
    }
}

fn add_weights(
    topology: &Path,
    extension: &str,
    parts: &mut Vec<(PartEntry, Source)>,
) -> Result<(), ModelError> {
    let weights = topology.with_extension(extension);
    let source = Source::find(&weights, true).map_err(|error| match error {
        ModelError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            ModelError::MissingWeights { topology: topology.into(), weights: weights.clone() }
        }
        error => error,
    })?;
    let path = parts[0].0.path.with_extension(extension);
    let path = path.ok_or_else(|| ModelError::Name { path: weights.clone() })?;
    parts.push(part(path, PartKind::Weights, source));
    Ok(())
}

fn add_external_data(
    model: &Path,
    parts: &mut Vec<(PartEntry, Source)>,
    options: &ModelOptions,
) -> Result<(), ModelError> {
    let selection = Selection::new(options)?;
    let reader = parts[0].1.open().map_err(|source| read_error(model, source))?;
    let length = parts[0].0.length;
    let references = onnx::references_of_file(&reader, length).map_err(onnx_error(model))?;
    for path in onnx::named_parts(&references, &parts[0].0.path).map_err(onnx_error(model))? {
        if options.only || !selection.takes_nested(path.as_str().as_ref()) {
            return Err(onnx_error(model)(onnx::OnnxError::MissingFile { path }));
        }
        let folder = model.parent().unwrap_or(Path::new(""));
        let source = companion(folder, &path, options).map_err(|error| missing_file(error, model, &path))?;
        parts.push(part(path, PartKind::Weights, source));
    }
    let entries: Vec<&PartEntry> = parts.iter().map(|(entry, _)| entry).collect();
    onnx::check_references(&references, &entries[0].path, &entries[1..]).map_err(onnx_error(model))
}

/// The file at `path` below the model's folder, which no link leads out of unless links are followed.
fn companion(folder: &Path, path: &PartPath, options: &ModelOptions) -> Result<Source, ModelError> {
    let path = Path::new(path.as_str());
    let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    for above in above.filter(|_| !options.follow_symlinks).map(|above| folder.join(above)) {
        if above.is_symlink() {
            return Err(ModelError::Symlink { path: above });
        }
    }
    options.source(&folder.join(path))
}

fn missing_file(error: ModelError, model: &Path, path: &PartPath) -> ModelError {
    match error {
        ModelError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            onnx_error(model)(onnx::OnnxError::MissingFile { path: path.clone() })
        }
        error => error,
    }
}
