//! A model that is a directory. Every regular file becomes a part, under its relative path.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ovseal_format::layout::PART_LIMIT;
use ovseal_format::manifest::{PartEntry, PartKind};
use ovseal_format::part_path::PartPath;

use super::companions::{check_weights, references, weights_extension};
use super::compiled::is_compiled;
use super::ir::IrFault;
use super::selection::{IGNORE_FILE, Selection};
use super::source::{Part, Source, metadata, part};
use super::{Model, ModelError, ModelOptions, kind_of, onnx};

/// Finds the model in the directory at `root`.
pub(super) fn find(root: &Path, options: &ModelOptions) -> Result<Model, ModelError> {
    let selection = Selection::new(options)?;
    let mut walk = Walk { root, options, selection, parts: Vec::new(), left_out: Vec::new() };
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
    let name = root.canonicalize().map_err(ModelError::read(root))?;
    Ok(Model { left_out, ..Model::new(root, parts, name.file_name())? })
}

/// A walk through a model's directory, and the files found so far.
struct Walk<'m> {
    root: &'m Path,
    options: &'m ModelOptions,
    selection: Selection,
    parts: Vec<Part>,
    left_out: Vec<PathBuf>,
}

impl Walk<'_> {
    fn collect(&mut self, directory: &Path) -> Result<(), ModelError> {
        let within = directory.strip_prefix(self.root).unwrap_or(directory);
        self.selection.enter(directory, within)?;
        for entry in directory.read_dir().map_err(ModelError::read(directory))? {
            self.add(&entry.map_err(ModelError::read(directory))?.path())?;
        }
        self.selection.leave();
        Ok(())
    }

    fn add(&mut self, path: &Path) -> Result<(), ModelError> {
        let is_directory = metadata(path, self.options.follow_symlinks)?.is_dir();
        let within = path.strip_prefix(self.root).unwrap_or(path);
        if !self.selection.takes(within, is_directory) {
            if within.file_name().is_none_or(|name| name != IGNORE_FILE) {
                self.left_out.push(within.to_owned());
            }
        } else if is_directory {
            if path.components().count() > self.root.components().count() + DEPTH_LIMIT {
                return Err(ModelError::TooDeep { path: path.to_owned() });
            }
            self.collect(path)?;
        } else {
            let source = Source::find(path, self.options.follow_symlinks)?;
            self.parts.push(part(relative(self.root, path)?, PartKind::File, source));
        }
        if self.parts.len().max(self.left_out.len()) > PART_LIMIT {
            return Err(ModelError::TooMany { path: self.root.into() });
        }
        Ok(())
    }
}

fn relative(root: &Path, path: &Path) -> Result<PartPath, ModelError> {
    let name = || ModelError::Name { path: path.into() };
    let components = path.strip_prefix(root).map_err(|_| name())?.iter();
    let components: Vec<&str> = components.map(|c| c.to_str().ok_or_else(name)).collect::<Result<_, _>>()?;
    Ok(PartPath::parse(&components.join("/"))?)
}

/// Finds the topologies among the parts, and the weights that each of them needs.
fn classify(parts: &mut [Part]) -> Result<(), ModelError> {
    let numbers: HashMap<PartPath, usize> =
        parts.iter().enumerate().map(|(i, (entry, _))| (entry.path.clone(), i)).collect();
    for number in 0..parts.len() {
        let (entry, source) = &parts[number];
        source.refuse_git_lfs()?;
        let kind = kind_of(&entry.path);
        // A file that only has the name of a topology stays a plain file.
        if !kind.fits(&source.start()?) {
            continue;
        }
        let companions = match (kind, weights_extension(kind)) {
            (PartKind::Onnx, _) => Some(external_data(parts, number, &numbers)?),
            (_, Some(extension)) => {
                let path = entry.path.with_extension(extension);
                path.and_then(|path| numbers.get(&path)).map(|&weights| vec![weights])
            }
            _ => None,
        };
        // An `.xml` without a `.bin`, or with a different root element, is not an IR but a plain
        // file.
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

/// Finds the compiled models among the plain files.
fn find_compiled(parts: &mut [Part]) -> Result<(), ModelError> {
    for (entry, source) in parts.iter_mut().filter(|(entry, _)| entry.kind == PartKind::File) {
        if is_compiled(&entry.path, &source.start()?) {
            entry.kind = PartKind::Compiled;
        }
    }
    Ok(())
}

fn external_data(
    parts: &[Part],
    number: usize,
    numbers: &HashMap<PartPath, usize>,
) -> Result<Vec<usize>, ModelError> {
    let (entry, source) = &parts[number];
    let refused = ModelError::onnx(source.path());
    let references = references(&parts[number])?;
    let entries: Vec<&PartEntry> = parts.iter().map(|(entry, _)| entry).collect();
    onnx::check_references(&references, &entry.path, &entries).map_err(&refused)?;
    let named = onnx::named_parts(&references, &entry.path).map_err(&refused)?;
    let mut companions: Vec<usize> = named.iter().filter_map(|path| numbers.get(path).copied()).collect();
    companions.sort_unstable();
    Ok(companions)
}

/// Limit on the nesting of directories. It also ends a walk through a link that leads to a parent.
const DEPTH_LIMIT: usize = 64;
