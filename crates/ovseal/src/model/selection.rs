//! The selection of files to seal from a directory.

use std::io;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{ModelError, ModelOptions};

/// The patterns that apply in one directory of a model and below it.
///
/// The caller's patterns come first, then the ignore files, starting with the nearest, then
/// [`USUAL`]. The first match decides. So an ignore file can bring back a name that is usually left
/// out.
pub(super) struct Selection {
    excluded: Gitignore,
    usual: Gitignore,
    /// The directories entered so far, each with the patterns of its ignore file.
    files: Vec<(PathBuf, Gitignore)>,
    reads_files: bool,
}

impl Selection {
    /// Creates the selection for `options`.
    pub(super) fn new(options: &ModelOptions) -> Result<Self, ModelError> {
        for pattern in &options.exclude {
            // A negated pattern, a comment and an empty pattern exclude nothing.
            let excludes = !pattern.starts_with(['!', '#']) && !pattern.trim().is_empty();
            if !excludes || compile([pattern.as_str()]).is_err() {
                return Err(ModelError::Pattern { pattern: pattern.clone() });
            }
        }
        let usual = if options.include_everything { &[][..] } else { &USUAL };
        let unusable = |_| ModelError::Pattern { pattern: options.exclude.join(" ") };
        Ok(Self {
            excluded: compile(options.exclude.iter().map(String::as_str)).map_err(unusable)?,
            usual: compile(usual.iter().copied()).map_err(unusable)?,
            files: Vec::new(),
            reads_files: !options.include_everything,
        })
    }

    /// Reads the ignore file of the directory at `path`, which is at `relative` in the model.
    pub(super) fn enter(&mut self, path: &Path, relative: &Path) -> Result<(), ModelError> {
        let file = path.join(IGNORE_FILE);
        let patterns = if self.reads_files { read(&file)? } else { Gitignore::empty() };
        self.files.push((relative.to_owned(), patterns));
        Ok(())
    }

    /// Drops the patterns of the directory entered last.
    pub(super) fn leave(&mut self) {
        self.files.pop();
    }

    /// Returns whether the file or directory at `relative` is to be sealed.
    pub(super) fn takes(&self, relative: &Path, is_directory: bool) -> bool {
        if self.excluded.matched(relative, is_directory).is_ignore() {
            return false;
        }
        for (directory, patterns) in self.files.iter().rev() {
            let within = relative.strip_prefix(directory).unwrap_or(relative);
            match patterns.matched(within, is_directory) {
                Match::None => {}
                Match::Ignore(_) => return false,
                Match::Whitelist(_) => return true,
            }
        }
        !self.usual.matched(relative, is_directory).is_ignore()
    }

    /// Returns whether the file at `relative` and every directory above it are to be sealed.
    pub(super) fn takes_nested(&self, relative: &Path) -> bool {
        let mut above = relative.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        self.takes(relative, false) && above.all(|above| self.takes(above, true))
    }
}

/// Reads an ignore file. A missing file counts as empty.
fn read(path: &Path) -> Result<Gitignore, ModelError> {
    let bytes = match ovseal_files::read(path, LENGTH_LIMIT) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Gitignore::empty()),
        Err(error) => return Err(ModelError::read(path)(error)),
    };
    let malformed = |line| ModelError::IgnoreFile { path: path.into(), line };
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= LENGTH_LIMIT);
    let text = text.ok_or_else(|| malformed(0))?;
    compile(text.trim_start_matches('\u{feff}').lines()).map_err(malformed)
}

/// Compiles patterns for paths relative to their directory. The error is the number of the
/// malformed pattern, from 1, or 0 if the patterns fail as a whole.
fn compile<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Gitignore, usize> {
    let mut builder = GitignoreBuilder::new("");
    for (number, pattern) in (1_usize..).zip(patterns) {
        builder.add_line(None, pattern).map_err(|_| number)?;
    }
    builder.build().map_err(|_| 0)
}

/// Name of the file with a directory's own patterns.
pub(super) const IGNORE_FILE: &str = ".ovsealignore";

const LENGTH_LIMIT: u64 = 1 << 20;

/// Names that no model needs, and that often contain secrets or other plaintext.
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
    fn names_that_no_model_needs_are_left_out_at_every_depth() {
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
    fn exclude_patterns_have_the_syntax_of_gitignore() {
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
    fn the_nearest_ignore_file_decides_and_can_bring_names_back() {
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
    fn an_ignore_file_that_is_not_text_or_too_long_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for content in [vec![0xff], vec![b'#'; LENGTH_LIMIT as usize + 1]] {
            std::fs::write(folder.path().join(IGNORE_FILE), content).unwrap();
            let error = selection(&[], false).enter(folder.path(), Path::new("")).unwrap_err();
            assert!(matches!(error, ModelError::IgnoreFile { line: 0, .. }), "{error}");
        }
    }
}
