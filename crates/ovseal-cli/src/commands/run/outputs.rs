//! Writing outputs as NumPy files.

use std::path::Path;

use ovseal_openvino::InferRequest;

use super::npy;
use crate::error::CommandError;
use crate::new_file::{NewFile, PUBLIC};

/// Writes each output into `folder`; a file that is there already is not replaced.
pub(super) fn write(folder: &Path, request: &InferRequest) -> Result<(), CommandError> {
    let ports = request.compiled().outputs();
    let names = file_names(ports.iter().map(|port| port.name.as_str()));
    for (index, name) in names.iter().enumerate() {
        let view = request.output(index)?;
        let file = npy::write(view.element_type(), view.shape(), view.bytes()).ok_or_else(|| {
            let element_type = view.element_type().name();
            CommandError::usage(format!(
                "NumPy has no type {element_type} for the output {}",
                ports[index].name
            ))
        })?;
        NewFile::write(folder.join(name), PUBLIC, &[&file])?.commit()?;
    }
    Ok(())
}

/// A file name for each output, from characters that no system takes amiss; a clash gets a number.
fn file_names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let clean: String = name.chars().map(clean_character).collect();
        let numbered = |number: usize| if number == 1 { clean.clone() } else { format!("{clean}-{number}") };
        // Letters that differ only in case are the same file on some systems.
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
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder_and_do_not_clash() {
        let names = ["a/b", "a_b", "../c", "A_B", "..", "x:0", "模"];
        let found = file_names(names.into_iter());
        let expected = ["a_b.npy", "a_b-2.npy", ".._c.npy", "A_B-3.npy", "...npy", "x_0.npy", "_.npy"];
        assert_eq!(found, expected);
    }
}
