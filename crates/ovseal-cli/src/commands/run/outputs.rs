//! Outputs as NumPy files.

use std::io;
use std::path::{Path, PathBuf};

use ovseal_openvino::{ElementType, InferRequest, Port};

use super::npy;
use crate::errors::{CommandError, cannot_write};
use crate::ui::{NewFile, PUBLIC, refuse_existing};

/// A free path for every output, found before anything is computed.
pub(super) struct Places(Vec<PathBuf>);

impl Places {
    /// Finds a path in `folder` for each of the outputs `ports`, and creates the directory if
    /// needed.
    ///
    /// # Errors
    /// Fails if the directory cannot be created, a file would be replaced, or NumPy lacks an
    /// output's type.
    pub(super) fn find(folder: &Path, ports: &[Port]) -> Result<Self, CommandError> {
        if let Some(port) = ports.iter().find(|port| !npy::has_type(port.element_type)) {
            return Err(no_type(&port.name, port.element_type));
        }
        let names = file_names(ports.iter().map(|port| port.name.as_str()));
        let places: Vec<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
        let created = match std::fs::create_dir_all(folder) {
            Err(_) if folder.exists() => Err(io::ErrorKind::NotADirectory.into()),
            created => created,
        };
        created.map_err(|error| cannot_write(&folder.display(), error))?;
        places.iter().try_for_each(|place| refuse_existing(place))?;
        Ok(Self(places))
    }

    /// Writes the outputs of the last inference. Files appear only after all are written.
    pub(super) fn write(self, request: &InferRequest) -> Result<(), CommandError> {
        let outputs = self.0.into_iter().enumerate();
        let files = outputs.map(|(index, place)| write(request, index, place));
        files.collect::<Result<Vec<_>, _>>()?.into_iter().try_for_each(NewFile::commit)
    }
}

fn write(request: &InferRequest, index: usize, place: PathBuf) -> Result<NewFile, CommandError> {
    let view = request.output(index)?;
    let file = npy::write(view.element_type(), view.shape(), view.bytes());
    let name = &request.compiled().outputs()[index].name;
    let file = file.ok_or_else(|| no_type(name, view.element_type()))?;
    NewFile::write(place, PUBLIC, &[&file])
}

fn no_type(name: &str, element_type: ElementType) -> CommandError {
    CommandError::usage(format!("NumPy has no type {} for the output {name}", element_type.name()))
}

/// Returns a file name for each output, of characters that every system allows. A duplicate gets a
/// number.
fn file_names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let clean: String = name.chars().map(clean_character).collect();
        let numbered = |number: usize| if number == 1 { clean.clone() } else { format!("{clean}-{number}") };
        // Some systems ignore case.
        let is_free = |candidate: &String| !taken.iter().any(|other| other.eq_ignore_ascii_case(candidate));
        let free = (1..).map(numbered).find(is_free);
        taken.extend(free);
    }
    taken.into_iter().map(|name| format!("{name}.npy")).collect()
}

fn clean_character(character: char) -> char {
    if character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-') { character } else { '_' }
}

#[cfg(test)]
mod tests {
    use ovseal_openvino::PartialShape;

    use super::*;

    fn port(name: &str, element_type: ElementType) -> Port {
        Port { name: name.to_owned(), shape: PartialShape::Unranked, element_type }
    }

    #[test]
    fn a_path_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b.npy"), "precious").unwrap();
        let find =
            |folder: &Path, ports: &[Port]| Places::find(folder, ports).err().map(|error| error.code());
        let (free, taken) = (port("a", ElementType::F32), port("b", ElementType::F32));
        assert_eq!(find(folder.path(), std::slice::from_ref(&free)), None);
        assert_eq!(find(folder.path(), &[free, taken]), Some(2));
        assert_eq!(find(folder.path(), &[port("c", ElementType::U4)]), Some(2));
        assert_eq!(find(&folder.path().join("new/one"), &[]), None);
        assert!(folder.path().join("new/one").is_dir());
        assert_eq!(find(&folder.path().join("b.npy"), &[]), Some(1));
    }

    #[test]
    fn names_cannot_leave_the_directory_and_do_not_clash() {
        let names = ["a/b", "a_b", "../c", "A_B", "..", "x:0", "模"];
        let found = file_names(names.into_iter());
        let expected = ["a_b.npy", "a_b-2.npy", ".._c.npy", "A_B-3.npy", "...npy", "x_0.npy", "_.npy"];
        assert_eq!(found, expected);
    }
}
