//! The containers whose parts `exec` and `mount` show as files.

use std::path::{Path, PathBuf};

use clap::Args;
use ovseal::{Opened, PartPath};
use ovseal_frontend::{Explain, FrontEnd};
use ovseal_mount::{Failure, Tree};

use crate::errors::CommandError;

/// One container, or several in directories.
#[derive(Clone, Debug, Args)]
pub(crate) struct Containers {
    /// The container
    #[arg(value_name = "FILE", required_unless_present = "models")]
    pub(crate) container: Option<PathBuf>,

    /// Show the container FILE in the directory NAME, instead of a single one; may be repeated
    ///
    /// NAME may contain slashes: model servers expect NAME/VERSION. All containers are opened with
    /// the same keys and requirements.
    #[arg(long = "model", value_name = "NAME=FILE", conflicts_with = "container", value_parser = named)]
    pub(crate) models: Vec<(PartPath, PathBuf)>,
}

impl Containers {
    /// Returns the paths of all containers.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let several = self.models.iter().map(|(_, path)| path.as_path());
        self.container.iter().map(PathBuf::as_path).chain(several).collect()
    }

    /// Returns the parts of the opened containers, which are in the order of
    /// [`paths`](Self::paths).
    ///
    /// # Errors
    /// Fails if parts cannot be files, or two have the same path.
    pub(crate) fn tree(&self, opened: &[Opened]) -> Result<Tree, CommandError> {
        let directories = self.container.iter().map(|_| None);
        let directories = directories.chain(self.models.iter().map(|(directory, _)| Some(directory)));
        let mut tree = Tree::new();
        for ((directory, path), opened) in directories.zip(self.paths()).zip(opened) {
            let added = tree.add(directory, opened);
            added.map_err(|error| CommandError::from(error).context(path.display().to_string()))?;
        }
        Ok(tree)
    }

    /// Returns the container of the file at `path` in the tree, for messages.
    pub(crate) fn of(&self, path: &str) -> String {
        let holds = |directory: &PartPath| {
            path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let found = self.models.iter().find(|(directory, _)| holds(directory)).map(|(_, path)| path);
        found.or(self.container.as_ref()).map_or_else(String::new, |path| path.display().to_string())
    }

    /// Returns the error for a chunk that a program could not read.
    pub(crate) fn failure(&self, failure: &Failure) -> CommandError {
        let error = &failure.error;
        let (kind, hint) = (error.code().kind(), error.hint(FrontEnd::Command));
        CommandError::message(kind, error.to_string()).context(self.of(&failure.path)).hints(hint)
    }
}

fn named(text: &str) -> Result<(PartPath, PathBuf), String> {
    let (name, file) =
        text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or("expected NAME=FILE")?;
    Ok((PartPath::parse(name).map_err(|error| error.to_string())?, file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_relative_path() {
        let (name, file) = named("detector/1=a=b.ovseal").unwrap();
        assert_eq!((name.as_str(), file), ("detector/1", "a=b.ovseal".into()));
        assert!(["", "a", "a=", "=b", "/a=b", "../a=b", "a//1=b"].iter().all(|text| named(text).is_err()));
    }

    #[test]
    fn a_file_belongs_to_the_container_of_its_directory() {
        let models = ["a=1", "ab=2", "c/1=3"].map(|text| named(text).unwrap()).to_vec();
        let several = Containers { container: None, models };
        let found = ["a/m.bin", "ab/m.bin", "c/1/d/m.bin", "none"].map(|path| several.of(path));
        assert_eq!(found, ["1", "2", "3", ""]);
        let one = Containers { container: Some("m.ovseal".into()), models: Vec::new() };
        assert_eq!(one.of("a/m.bin"), "m.ovseal");
    }
}
