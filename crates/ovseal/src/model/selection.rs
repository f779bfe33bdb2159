//! Which files of a folder are sealed, and which are left out.

use std::io;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{ModelError, ModelOptions, read_error};

/// The patterns that apply in one folder of a model and below it.
///
/// The caller's own patterns come first, then the ignore files, the nearest first, then [`USUAL`]. The first that says
/// anything about a file decides, so that an ignore file can bring back what is usually left out.
pub(super) struct Selection {
    excluded: Gitignore,
    usual: Gitignore,
    /// The ignore files of the folders that were entered, each with its folder.
    files: Vec<(PathBuf, Gitignore)>,
    reads_files: bool,
}

impl Selection {
    /// Creates the selection that `options` ask for.
    pub(super) fn new(options: &ModelOptions) -> Result<Self, ModelError> {
        let excluded = options.exclude.iter().try_fold(builder(), |mut builder, pattern| {
            // A pattern that brings something back, a comment or an empty one excludes nothing.
            let excludes = !pattern.starts_with(['!', '#']) && !pattern.trim().is_empty();
            let is_good = excludes && builder.add_line(None, pattern).is_ok();
            is_good.then_some(builder).ok_or_else(|| ModelError::Pattern { pattern: pattern.clone() })
        })?;
        let usual = if options.include_everything { &[][..] } else { &USUAL };
        let usual = usual.iter().try_fold(builder(), |mut builder, pattern| {
            builder.add_line(None, pattern).map(|_| ())?;
            Ok(builder)
        });
        let build =
            |builder: Result<GitignoreBuilder, ignore::Error>| builder.and_then(|builder| builder.build());
        let unusable = |_| ModelError::Pattern { pattern: options.exclude.join(" ") };
        Ok(Self {
            excluded: build(Ok(excluded)).map_err(unusable)?,
            usual: build(usual).map_err(unusable)?,
            files: Vec::new(),
            reads_files: !options.include_everything,
        })
    }

    /// Reads the ignore file of the folder at `path`, which is `relative` to the model's own.
    pub(super) fn enter(&mut self, path: &Path, relative: &Path) -> Result<(), ModelError> {
        let file = path.join(IGNORE_FILE);
        let patterns = if self.reads_files { read(&file)? } else { Gitignore::empty() };
        self.files.push((relative.to_owned(), patterns));
        Ok(())
    }

    /// Forgets the ignore file of the folder that was entered last.
    pub(super) fn leave(&mut self) {
        self.files.pop();
    }

    /// Returns whether the file or folder at `relative` is sealed.
    pub(super) fn takes(&self, relative: &Path, is_folder: bool) -> bool {
        if self.excluded.matched(relative, is_folder).is_ignore() {
            return false;
        }
        for (folder, patterns) in self.files.iter().rev() {
            let within = relative.strip_prefix(folder).unwrap_or(relative);
            match patterns.matched(within, is_folder) {
                Match::None => {}
                Match::Ignore(_) => return false,
                Match::Whitelist(_) => return true,
            }
        }
        !self.usual.matched(relative, is_folder).is_ignore()
    }

    /// Returns whether the file at `relative` is sealed, and with it every folder that it lies in.
    pub(super) fn takes_nested(&self, relative: &Path) -> bool {
        let folders = relative.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        self.takes(relative, false) && folders.into_iter().all(|folder| self.takes(folder, true))
    }
}

/// Reads an ignore file; none is as good as an empty one.
fn read(path: &Path) -> Result<Gitignore, ModelError> {
    let bytes = match ovseal_files::read(path, LENGTH_LIMIT) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Gitignore::empty()),
        Err(error) => return Err(read_error(path, error)),
    };
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= LENGTH_LIMIT);
    let text = text.ok_or_else(|| ModelError::IgnoreFile { path: path.into(), line: 0 })?;
    let mut builder = builder();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let added = builder.add_line(None, line);
        added.map_err(|_| ModelError::IgnoreFile { path: path.into(), line: number + 1 })?;
    }
    builder.build().map_err(|_| ModelError::IgnoreFile { path: path.into(), line: 0 })
}

/// Matches paths that are relative to the folder of the patterns.
fn builder() -> GitignoreBuilder {
    GitignoreBuilder::new("")
}

/// A folder's own patterns stand in this file.
pub(super) const IGNORE_FILE: &str = ".ovsealignore";

const LENGTH_LIMIT: u64 = 1 << 20;

/// What no model needs, and what often holds secrets or plaintext of others.
const USUAL: [&str; 7] =
    [".git", ".cache", ".ipynb_checkpoints", "__pycache__", ".DS_Store", ".env", "*.ovseal*"];

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(exclude: &[&str], include_everything: bool) -> Selection {
        let exclude = exclude.iter().map(ToString::to_string).collect();
        Selection::new(&ModelOptions { exclude, include_everything, ..ModelOptions::default() }).unwrap()
    }

    fn takes(selection: &Selection, path: &str) -> bool {
        selection.takes(path.trim_end_matches('/').as_ref(), path.ends_with('/'))
    }

    #[test]
    fn what_is_usually_no_part_of_a_model_is_left_out_at_every_depth() {
        let (usual, everything) = (selection(&[], false), selection(&[], true));
        for path in [".git/", "a/.cache/", ".ipynb_checkpoints/", "a/b/__pycache__/", ".DS_Store", ".env"] {
            assert!(!takes(&usual, path) && takes(&everything, path), "{path}");
        }
        for path in ["m.ovseal", "a/m.ovseal.keys", ".ovsealignore", "m.ovseal.rekey"] {
            assert!(!takes(&usual, path) && takes(&everything, path), "{path}");
        }
        for path in ["model.xml", "cache/x", "git", ".environment", "ovseal"] {
            assert!(takes(&usual, path), "{path}");
        }
    }

    #[test]
    fn an_excluded_pattern_has_the_syntax_of_gitignore() {
        let selection = selection(&["*.txt", "/notes", "logs/"], true);
        for path in ["a.txt", "a/b.txt", "notes", "a/logs/"] {
            assert!(!takes(&selection, path), "{path}");
        }
        for path in ["a/notes", "logs", "txt"] {
            assert!(takes(&selection, path), "{path}");
        }
    }

    #[test]
    fn a_pattern_that_excludes_nothing_is_an_error() {
        for pattern in ["!keep", "# comment", "", " ", "a{b"] {
            let options = ModelOptions { exclude: vec![pattern.to_owned()], ..ModelOptions::default() };
            let error = Selection::new(&options).err();
            assert!(matches!(error, Some(ModelError::Pattern { pattern: p }) if p == pattern), "{pattern}");
        }
    }

    #[test]
    fn the_nearest_ignore_file_decides_and_brings_back_what_is_usually_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(folder.path().join(IGNORE_FILE), "*.log\n!.cache\n").unwrap();
        std::fs::write(inner.join(IGNORE_FILE), "!keep.log\n/top\n").unwrap();
        let mut selection = selection(&[], false);
        selection.enter(folder.path(), Path::new("")).unwrap();
        assert!(!takes(&selection, "keep.log") && takes(&selection, ".cache/"));
        selection.enter(&inner, Path::new("inner")).unwrap();
        assert!(takes(&selection, "inner/keep.log") && !takes(&selection, "inner/other.log"));
        assert!(!takes(&selection, "inner/top") && !takes(&selection, "inner/.git/"));
        selection.leave();
        assert!(!takes(&selection, "keep.log"));
    }

    #[test]
    fn an_ignore_file_that_is_no_text_or_too_long_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for content in [vec![0xff], vec![b'#'; LENGTH_LIMIT as usize + 1]] {
            std::fs::write(folder.path().join(IGNORE_FILE), content).unwrap();
            let error = selection(&[], false).enter(folder.path(), Path::new("")).unwrap_err();
            assert!(matches!(error, ModelError::IgnoreFile { line: 0, .. }), "{error}");
        }
    }
}
