//! A model that is a folder: every regular file becomes a part under its relative path.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ovseal_format::layout::PART_LIMIT;
use ovseal_format::manifest::{PartEntry, PartKind};
use ovseal_format::part_path::PartPath;

use super::compiled::is_compiled;
use super::ir::IrFault;
use super::selection::{IGNORE_FILE, Selection};
use super::{
    Model, ModelError, ModelOptions, Source, check_weights, kind_of, onnx, onnx_error, part, read_error,
    refuse_git_lfs, weights_extension,
};

type Parts = Vec<(PartEntry, Source)>;

/// How deep folders may lie in each other; a link that leads into its own parent ends here.
const DEPTH_LIMIT: usize = 64;

/// The model in the folder at `root`.
pub(super) fn find(root: &Path, options: &ModelOptions) -> Result<Model, ModelError> {
    let selection = Selection::new(options)?;
    let mut walk = Walk { root, options, selection, parts: Parts::new(), left_out: Vec::new() };
    walk.collect(root)?;
    let Walk { mut parts, mut left_out, .. } = walk;
    if parts.is_empty() {
        let path = root.into();
        return Err(match left_out.is_empty() {
            true => ModelError::Empty { path },
            false => ModelError::AllLeftOut { path },
        });
    }
    left_out.sort_unstable();
    parts.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    classify(&mut parts)?;
    find_compiled(&mut parts)?;
    let name = root.canonicalize().map_err(|source| read_error(root, source))?;
    Ok(Model { left_out, ..Model::new(root, parts, name.file_name())? })
}

/// A walk through a model's folder, and what it found.
struct Walk<'m> {
    root: &'m Path,
    options: &'m ModelOptions,
    selection: Selection,
    parts: Parts,
    left_out: Vec<PathBuf>,
}

impl Walk<'_> {
    fn collect(&mut self, folder: &Path) -> Result<(), ModelError> {
        let within = folder.strip_prefix(self.root).unwrap_or(folder);
        self.selection.enter(folder, within)?;
        let entries = std::fs::read_dir(folder).map_err(|source| read_error(folder, source))?;
        for entry in entries {
            self.add(&entry.map_err(|source| read_error(folder, source))?.path())?;
        }
        self.selection.leave();
        Ok(())
    }

    fn add(&mut self, path: &Path) -> Result<(), ModelError> {
        let is_folder = is_folder(path, self.options)?;
        let within = path.strip_prefix(self.root).unwrap_or(path);
        if !self.selection.takes(within, is_folder) {
            if within.file_name().is_none_or(|name| name != IGNORE_FILE) {
                self.left_out.push(within.to_owned());
            }
        } else if is_folder {
            if path.components().count() > self.root.components().count() + DEPTH_LIMIT {
                return Err(ModelError::TooDeep { path: path.to_owned() });
            }
            self.collect(path)?;
        } else {
            let source = self.options.source(path)?;
            self.parts.push(part(relative(self.root, path)?, PartKind::File, source));
        }
        if self.parts.len().max(self.left_out.len()) > PART_LIMIT {
            return Err(ModelError::TooMany { path: self.root.into() });
        }
        Ok(())
    }
}

fn is_folder(path: &Path, options: &ModelOptions) -> Result<bool, ModelError> {
    let metadata = if options.follow_symlinks { path.metadata() } else { path.symlink_metadata() };
    metadata.map(|metadata| metadata.is_dir()).map_err(|source| read_error(path, source))
}

fn relative(root: &Path, path: &Path) -> Result<PartPath, ModelError> {
    let name = || ModelError::Name { path: path.into() };
    let components = path.strip_prefix(root).map_err(|_| name())?.iter();
    let components: Vec<&str> = components.map(|c| c.to_str().ok_or_else(name)).collect::<Result<_, _>>()?;
    Ok(PartPath::parse(&components.join("/"))?)
}

/// Finds the topologies among the parts, and the weights that each of them needs.
fn classify(parts: &mut Parts) -> Result<(), ModelError> {
    let numbers: HashMap<PartPath, usize> =
        parts.iter().enumerate().map(|(i, (entry, _))| (entry.path.clone(), i)).collect();
    for number in 0..parts.len() {
        let (entry, source) = &parts[number];
        refuse_git_lfs(source)?;
        let kind = kind_of(&entry.path);
        // What only looks like a topology by its name is some other file.
        if !source.fits(kind).map_err(|error| read_error(source.path(), error))? {
            continue;
        }
        let companions = match (kind, weights_extension(kind)) {
            (PartKind::Onnx, _) => Some(external_data(parts, number, &numbers)?),
            (_, Some(extension)) => sibling(&parts[number].0.path, extension, &numbers).map(|i| vec![i]),
            _ => None,
        };
        // An `.xml` without a `.bin`, or with another root, is no IR but some other file.
        if let Some(companions) = companions {
            if let &[weights] = &companions[..] {
                match check_weights(kind, &parts[number], &parts[weights]) {
                    Err(ModelError::Ir { source, .. }) if source.fault == IrFault::Root => continue,
                    outcome => outcome?,
                }
            }
            companions.iter().for_each(|&i| parts[i].0.kind = PartKind::Weights);
            parts[number].0.kind = kind;
            parts[number].0.companions = companions;
        }
    }
    Ok(())
}

/// Finds the compiled models among the files that are nothing else.
fn find_compiled(parts: &mut Parts) -> Result<(), ModelError> {
    for (entry, source) in parts.iter_mut().filter(|(entry, _)| entry.kind == PartKind::File) {
        let start = source.start().map_err(|error| read_error(source.path(), error))?;
        if is_compiled(&entry.path, &start) {
            entry.kind = PartKind::Compiled;
        }
    }
    Ok(())
}

fn sibling(path: &PartPath, extension: &str, numbers: &HashMap<PartPath, usize>) -> Option<usize> {
    numbers.get(&path.with_extension(extension)?).copied()
}

fn external_data(
    parts: &Parts,
    number: usize,
    numbers: &HashMap<PartPath, usize>,
) -> Result<Vec<usize>, ModelError> {
    let (entry, source) = &parts[number];
    let file: PathBuf = source.path().into();
    let reader = source.open().map_err(|error| read_error(&file, error))?;
    let references = onnx::references_of_file(&reader, entry.length).map_err(onnx_error(&file))?;
    let entries: Vec<&PartEntry> = parts.iter().map(|(entry, _)| entry).collect();
    onnx::check_references(&references, &entry.path, &entries).map_err(onnx_error(&file))?;
    let named = onnx::named_parts(&references, &entry.path).map_err(onnx_error(&file))?;
    let mut companions: Vec<usize> = named.iter().filter_map(|path| numbers.get(path).copied()).collect();
    companions.sort_unstable();
    Ok(companions)
}
